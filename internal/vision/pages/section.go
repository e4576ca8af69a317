package pages

import (
	"context"
	"io"
	"time"

	"granary/internal/console/thumbnail"
	"granary/internal/console/ui"
	"granary/internal/platform/identity"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
	"granary/internal/vision"
	"granary/internal/vision/pipeline"
)

// Service is what the pages need; *vision.Service is one.
type Service interface {
	DefaultSet(ctx context.Context) (vision.PictureSet, error)
	Owners(ctx context.Context) ([]vision.Owner, error)
	Listings(ctx context.Context, ownerID string) ([]vision.Listing, error)
	Set(ctx context.Context, id string) (vision.PictureSet, error)
	CreateSet(ctx context.Context, name string) (vision.PictureSet, error)
	RenameSet(ctx context.Context, id, name string) error
	DeleteSet(ctx context.Context, id string) error

	Rights(ctx context.Context, set vision.PictureSet) (vision.Rights, error)
	SetPictures(ctx context.Context, setID, after string, limit int) ([]vision.Picture, error)
	Picture(ctx context.Context, id string) (vision.Picture, vision.PictureSet, error)
	PictureBytes(ctx context.Context, id string) (vision.Picture, []byte, error)
	UploadPicture(ctx context.Context, setID, fileName string, data []byte) (vision.Picture, error)
	DeletePicture(ctx context.Context, id string) error

	ClassifyPicture(ctx context.Context, pictureID, pipelineName string) (vision.Inference, error)
	LatestInference(ctx context.Context, pictureID string) (vision.Inference, error)
	Inference(ctx context.Context, id string) (vision.Inference, error)
	PictureInferences(ctx context.Context, pictureID string) ([]vision.Inference, error)
	PipelineInferences(ctx context.Context, pipelineID, after string, limit int) ([]vision.Inference, error)
	BoxCounts(ctx context.Context, inferences []vision.Inference) (map[string]vision.BoxCount, error)
	Judgements(ctx context.Context, inferenceID string) ([]vision.Judgement, error)
	Confirm(ctx context.Context, inferenceID string, boxIDs []string) (vision.Inference, error)
	Correct(ctx context.Context, inferenceID string, corrections []vision.Correction) (vision.Inference, error)
	DrawBox(ctx context.Context, inferenceID, seedName string, rect vision.Rect) (vision.Inference, error)
	MoveBox(ctx context.Context, inferenceID, boxID string, rect vision.Rect) (vision.Inference, error)
	ReopenBox(ctx context.Context, inferenceID, boxID string) (vision.Inference, error)
	Undo(ctx context.Context, inferenceID string) (vision.Inference, error)

	Seeds(ctx context.Context) ([]vision.Seed, error)
	ImportSeeds(ctx context.Context, names []string) (int, error)
	Pipelines(ctx context.Context) ([]vision.Pipeline, error)
	PipelineHealth(ctx context.Context) ([]vision.ModelHealth, error)
	TryPipeline(ctx context.Context, name string, data []byte) (*pipeline.Result, error)
	SetDefaultPipeline(ctx context.Context, name string) error
	ModelVersions(ctx context.Context) ([]vision.ModelVersion, error)
	Retrain(ctx context.Context) (jobID string, err error)
	ActivateModel(ctx context.Context, number int64) error
	RollbackModel(ctx context.Context) (number int64, err error)
	Export(ctx context.Context, format vision.ExportFormat, w io.Writer) error
}

// Config is what the section is made of.
type Config struct {
	Service Service
	// Gate holds the picture limits, as the service has them.
	Gate raster.Gate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Section is the vision part of the console.
type Section struct {
	service Service
	gate    raster.Gate
	thumbs  *thumbnail.Cache
	now     func() time.Time
}

// New returns the section.
func New(cfg Config) *Section {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Section{service: cfg.Service, gate: cfg.Gate, thumbs: thumbnail.NewCache(), now: cfg.Now}
}

// Bundle holds the section's templates, messages, scripts and links.
func (s *Section) Bundle() ui.Bundle { return Bundle() }

// pages is the section bound to a kit.
type pages struct {
	*Section
	kit  *ui.Kit
	fail ui.Fail
}

// maxForm caps the body of a form without files.
const maxForm = 64 << 10

// maxUpload caps one upload request; a script sends each picture by itself.
const maxUpload = 256 << 20

// Routes are the section's pages and actions.
func (s *Section) Routes(kit *ui.Kit, fail ui.Fail) []web.Route {
	p := pages{Section: s, kit: kit, fail: fail}
	page := func(pattern string, access web.Access, h ui.Handler) web.Route {
		return ui.Route(pattern, access, maxForm, h, fail)
	}
	return []web.Route{
		page("GET "+root, web.SignedIn, p.folders),
		page("POST "+root+"/folders", web.SignedIn, p.createFolder),
		page("GET "+root+"/folders/{id}", web.SignedIn, p.folder),
		page("POST "+root+"/folders/{id}/rename", web.SignedIn, p.renameFolder),
		page("POST "+root+"/folders/{id}/delete", web.SignedIn, p.deleteFolder),
		ui.Route("POST "+root+"/folders/{id}/pictures", web.SignedIn, maxUpload, p.upload, fail),
		page("POST "+root+"/folders/{id}/selected", web.SignedIn, p.selected),
		page("POST "+root+"/sample", web.SignedIn, p.sample),
		page("GET "+root+"/pictures/{id}", web.SignedIn, p.picture),
		page("GET "+root+"/pictures/{id}/view", web.SignedIn, p.view),
		page("GET "+root+"/pictures/{id}/thumb", web.SignedIn, p.thumb),
		page("POST "+root+"/pictures/{id}/classify", web.SignedIn, p.classify),
		page("POST "+root+"/pictures/{id}/delete", web.SignedIn, p.deletePicture),
		page("POST "+root+"/pictures/{id}/judge/{inference}", web.SignedIn, p.judge),
		page("GET "+root+"/seeds", web.SignedIn, p.seeds),
		page("POST "+root+"/seeds", web.StewardOnly, p.addSeeds),
		page("GET "+root+"/pipelines", web.SignedIn, p.pipelines),
		page("GET "+root+"/pipelines/{id}", web.SignedIn, p.pipeline),
		ui.Route("POST "+root+"/pipelines/{id}/try", web.AdminOnly, p.maxBytes()+maxForm, p.try, fail),
		page("POST "+root+"/pipelines/default", web.AdminOnly, p.setDefault),
		page("GET "+root+"/models", web.SignedIn, p.models),
		page("POST "+root+"/models/retrain", web.StewardOnly, p.retrain),
		page("POST "+root+"/models/rollback", web.AdminOnly, p.rollback),
		page("POST "+root+"/models/{number}/activate", web.AdminOnly, p.activate),
		page("GET "+root+"/export/{format}", web.SignedIn, p.export),
	}
}

var _ Service = (*vision.Service)(nil)

func user(ctx context.Context) identity.Principal {
	p, _ := identity.From(ctx)
	return p
}

// steward reports whether a principal looks after everybody's pictures.
func steward(p identity.Principal) bool { return p.Role == identity.Steward || p.IsAdmin() }
