package pipeline

import (
	"encoding/json"

	"granary/internal/platform/fault"
)

// maxPipelines bounds the pipelines of one file.
const maxPipelines = 256

// Read reads a pipeline file, JSON or YAML, in one of three forms: a single
// Definition, {"pipelines": [Definition, …]}, or the legacy form of the nachet
// specification, section 4.1, which is told by its list of models beside the
// pipelines. Endpoints and keys that are Fernet tokens are decrypted with key
// (base64url of 32 bytes); key may be empty when none is. Every definition is
// valid. Errors: fault.Invalid with everything that is wrong, fault.TooLarge
// for a file beyond 1 MiB.
func Read(data []byte, key string) ([]Definition, error) {
	text, err := document(data)
	if err != nil {
		return nil, err
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, fault.New(fault.Invalid, "the pipeline file must be a mapping")
	}
	_, several := top["pipelines"]
	_, models := top["models"]
	_, single := top["name"]
	var definitions []Definition
	switch {
	case single:
		definitions = make([]Definition, 1)
		err = strict(text, &definitions[0])
	case several && !models && top["date"] == nil:
		var file struct {
			Pipelines []Definition `json:"pipelines"`
		}
		err = strict(text, &file)
		definitions = file.Pipelines
	default:
		return readLegacy(text, key)
	}
	if err != nil {
		return nil, err
	}
	return finish(definitions, key)
}

// finish decrypts and validates what was read.
func finish(definitions []Definition, key string) ([]Definition, error) {
	if len(definitions) == 0 || len(definitions) > maxPipelines {
		return nil, fault.New(fault.Invalid, "the pipeline file must have 1 to %d pipelines", maxPipelines)
	}
	open, err := newOpener(key)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for i := range definitions {
		if definitions[i], err = definitions[i].MapSecrets(open.value); err != nil {
			return nil, err
		}
		if err := definitions[i].Validate(); err != nil {
			return nil, err
		}
		if name := definitions[i].Name; names[name] {
			return nil, fault.New(fault.Invalid, "the pipeline file has two pipelines named %q", name)
		}
		names[definitions[i].Name] = true
	}
	return definitions, nil
}
