package nachet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// getSeeds lists the seeds. The answer has an ETag, since every start of the
// front end asks for it.
func (d *Door) getSeeds(w http.ResponseWriter, r *http.Request) {
	seeds, err := d.vision.Seeds(r.Context())
	if err == nil && len(seeds) == 0 {
		err = errors.New("the seed table is empty")
	}
	if err != nil {
		d.unavailable(w, r, "Error retrieving seeds", err)
		return
	}
	body, err := json.Marshal(map[string]any{"seeds": seeds})
	if err != nil {
		d.unavailable(w, r, "Error retrieving seeds", err)
		return
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// pipelineAnswer is one pipeline as the front end's model popup shows it.
// Endpoints and keys have no field here.
type pipelineAnswer struct {
	Accuracy     float64  `json:"accuracy,omitempty"`
	CreatedBy    string   `json:"created_by"`
	CreationDate string   `json:"creation_date"`
	Dataset      string   `json:"dataset"`
	Default      bool     `json:"default"`
	Description  string   `json:"description"`
	JobName      string   `json:"job_name"`
	ModelName    string   `json:"model_name"`
	Models       []string `json:"models"`
	PipelineID   string   `json:"pipeline_id"`
	PipelineName string   `json:"pipeline_name"`
	Version      string   `json:"version"`
}

func (d *Door) getPipelines(w http.ResponseWriter, r *http.Request) {
	pipelines, err := d.vision.Pipelines(r.Context())
	if err == nil && len(pipelines) == 0 {
		err = errors.New("there is no pipeline")
	}
	if err != nil {
		d.unavailable(w, r, "Error retrieving model endpoints metadata", err)
		return
	}
	writeJSON(w, http.StatusOK, describe(pipelines))
}

func describe(pipelines []vision.Pipeline) []pipelineAnswer {
	answer := make([]pipelineAnswer, len(pipelines))
	for i, p := range pipelines {
		def := p.Definition
		answer[i] = pipelineAnswer{
			Accuracy: def.Accuracy, CreatedBy: def.CreatedBy, CreationDate: def.CreationDate,
			Dataset: def.Dataset, Default: p.Default, Description: def.Description, JobName: def.JobName,
			ModelName: p.Name, Models: p.ModelNames(), PipelineID: p.ID, PipelineName: p.Name, Version: def.Version,
		}
	}
	return answer
}

// unavailable answers 503 where the original answers 200 with an error in it.
func (d *Door) unavailable(w http.ResponseWriter, r *http.Request, message string, err error) {
	web.ErrorHeader(w, r, fault.New(fault.Unavailable, "%s: %w", message, err))
	writeJSON(w, http.StatusServiceUnavailable, []string{message})
}
