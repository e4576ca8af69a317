package nachet

import (
	"encoding/json"

	"granary/internal/platform/web"
)

// example is a request and its answer, for the API documents.
type example struct{ request, answer string }

// Ids that the examples share.
const (
	exampleUser = `"3b49fc8a-f2e5-43e0-96c0-f8ff07f2b4a9"`
	exampleSet  = `"b0af0d00-da13-4e0b-8dde-54ea50a3a439"`
	exampleInf  = `{"boxes":[{"box":{"bottomX":288,"bottomY":216,"topX":72,"topY":54},"box_id":"ae618d54-fa09-4a93-93ff-0de871a761bc",` +
		`"color":"#ED1C24","is_verified":false,"label":"Ambrosia trifida","object_type_id":1,"overlapping":false,"overlappingIndices":[],"score":0.75,` +
		`"topN":[{"label":"Ambrosia trifida","object_id":"5e37fa77-9c27-4365-99b7-3f16823fedee","score":0.75}],"top_id":"5e37fa77-9c27-4365-99b7-3f16823fedee"}],` +
		`"filename":"default_filename","imageId":"39a4e2cb-7388-47dd-a72a-a2d1feb189b2","inference_id":"8fe047f5-22b8-4426-a350-23af1dc770ae",` +
		`"labelOccurrence":{"Ambrosia trifida":1},"models":[{"name":"seed-detector-1","version":"1"}],` +
		`"picture_id":"39a4e2cb-7388-47dd-a72a-a2d1feb189b2","pipeline_id":"8b555b2b-f5e5-4394-8a84-3d9e99dd05da","totalBoxes":1}`
	exampleFolders = `[{"folder_name":"General","nb_pictures":1,"picture_set_id":` + exampleSet + `,"pictures":[{"inference_exist":true,"inference_exists":true,` +
		`"is_validated":false,"is_validation":false,"picture_id":"39a4e2cb-7388-47dd-a72a-a2d1feb189b2"}]}]`
	examplePicture = `"data:image/png;base64,iVBORw0KGgo…"`
)

// documented returns the example of the operation at path.
func documented(path string) (request, answer *web.Body) {
	byID := `{"container_name":` + exampleUser + `,"folder_uuid":` + exampleSet + `}`
	one, ok := map[string]example{
		"/get-user-id":         {`{"email":""}`, `{"user_id":` + exampleUser + `}`},
		"/get-directories":     {`{"container_name":` + exampleUser + `}`, `{"folders":` + exampleFolders + `}`},
		"/dir":                 {`{"container_name":` + exampleUser + `}`, exampleFolders},
		"/create-dir":          {`{"container_name":` + exampleUser + `,"folder_name":"trial-1"}`, `[` + exampleSet + `]`},
		"/del":                 {`{"container_name":` + exampleUser + `,"folder_name":` + exampleSet + `}`, `[true]`},
		"/delete-request":      {byID, `true`},
		"/delete-permanently":  {byID, `true`},
		"/delete-with-archive": {byID, `true`},
		"/get-picture": {
			`{"container_name":` + exampleUser + `,"picture_id":"39a4e2cb-7388-47dd-a72a-a2d1feb189b2"}`,
			`{"image":` + examplePicture + `,"inference":null,"picture_id":"39a4e2cb-7388-47dd-a72a-a2d1feb189b2"}`,
		},
		"/image-validation": {`{"image":` + examplePicture + `}`, `["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]`},
		"/inf": {
			`{"model_name":"Granary","image":` + examplePicture + `,"imageDims":[720,540],"folder_name":"General","container_name":` + exampleUser + `}`,
			exampleInf,
		},
		"/feedback-positive": {
			`{"userId":` + exampleUser + `,"inferenceId":"8fe047f5-22b8-4426-a350-23af1dc770ae","boxes":[{"boxId":"ae618d54-fa09-4a93-93ff-0de871a761bc"}]}`,
			exampleInf,
		},
		"/feedback-negative": {
			`{"userId":` + exampleUser + `,"inferenceId":"8fe047f5-22b8-4426-a350-23af1dc770ae","boxes":[{"boxId":"ae618d54-fa09-4a93-93ff-0de871a761bc",` +
				`"label":"Brassica napus","classId":"","box":{"topX":72,"topY":54,"bottomX":288,"bottomY":216},"comment":"Wrong Seed"}]}`,
			exampleInf,
		},
		"/new-batch-import": {`{"container_name":` + exampleUser + `,"nb_pictures":3,"folder_name":"batch-1"}`, `{"session_id":` + exampleSet + `}`},
		"/upload-picture": {
			`{"container_name":` + exampleUser + `,"session_id":` + exampleSet + `,"seed_name":"Brassica napus","zoom_level":2,"nb_seeds":3,"image":` + examplePicture + `}`,
			`[true]`,
		},
		"/seeds": {"", `{"seeds":[{"seed_id":"73563ee0-8044-4ca0-95e0-11f0177292f9","seed_name":"Brassica napus"}]}`},
		"/ready": {"", `{"status":"ready"}`},
	}[path]
	if !ok {
		return nil, nil
	}
	if one.request != "" {
		request = &web.Body{Example: json.RawMessage(one.request)}
	}
	return request, &web.Body{Example: json.RawMessage(one.answer)}
}
