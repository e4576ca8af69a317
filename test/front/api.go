package front

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

// API is the server as front ends reach it. Paths are put behind Base as they
// are, so that a Base with a slash at its end makes double slashes.
type API struct{ Base string }

// client sets a limit that front ends do not have, so that a test ends.
var client = &http.Client{Timeout: 2 * time.Minute}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request in the manner of the front ends' HTTP library.
func (a API) Do(ctx context.Context, method, path, contentType string, body []byte) (Answer, error) {
	address := path
	if !strings.HasPrefix(path, "http") {
		address = a.Base + path
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("User-Agent", "python-requests/2.32.3")
	request.Header.Set("Accept", "*/*")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, data}, err
}

// JSON checks for exactly 200 and exactly application/json, and decodes.
func (a Answer) JSON(v any) error {
	if a.Status != http.StatusOK {
		return fmt.Errorf("status %d: %.300s", a.Status, a.Body)
	}
	if got := a.Header.Values("Content-Type"); len(got) != 1 || got[0] != "application/json" {
		return fmt.Errorf("content type %q, want application/json and nothing else", got)
	}
	return json.Unmarshal(a.Body, v)
}

// Get asks for JSON.
func (a API) Get(ctx context.Context, path string, v any) error {
	answer, err := a.Do(ctx, http.MethodGet, path, "", nil)
	if err == nil {
		err = answer.JSON(v)
	}
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// Post sends an empty body, as cancel and delete do, or a form.
func (a API) Post(ctx context.Context, path, form string, v any) error {
	contentType := ""
	if form != "" {
		contentType = "application/x-www-form-urlencoded"
	}
	answer, err := a.Do(ctx, http.MethodPost, path, contentType, []byte(form))
	if err == nil {
		err = answer.JSON(v)
	}
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	return nil
}

// Started is the answer to a start.
type Started struct {
	TrackingID   string `json:"tracking_id"`
	ExperimentID string `json:"experiment_id"`
}

// Start sends a start request as JSON.
func (a API) Start(ctx context.Context, path string, envelope map[string]any) (Started, error) {
	body, err := json.Marshal(envelope)
	if err != nil {
		return Started{}, err
	}
	return a.start(ctx, path, "application/json", body)
}

// StartUpload sends a start request with a file and further fields.
func (a API) StartUpload(ctx context.Context, path, field string, file []byte, fields map[string]string) (Started, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "picture.jpg")
	if err == nil {
		_, err = part.Write(file)
	}
	for name, value := range fields {
		err = errors.Join(err, form.WriteField(name, value))
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return Started{}, err
	}
	return a.start(ctx, path, form.FormDataContentType(), body.Bytes())
}

func (a API) start(ctx context.Context, path, contentType string, body []byte) (Started, error) {
	answer, err := a.Do(ctx, http.MethodPost, path, contentType, body)
	var started Started
	if err == nil {
		err = answer.JSON(&started)
	}
	if err != nil {
		return started, fmt.Errorf("POST %s: %w", path, err)
	}
	return started, nil
}

// Status asks how a task stands and returns the log, which is null for some
// ends. The answer has two members and no other.
func (a API) Status(ctx context.Context, prefix, trackingID string) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	path := prefix + "/" + trackingID + "/status"
	if err := a.Get(ctx, path, &members); err != nil {
		return nil, err
	}
	log, ok := members["log"]
	if !ok || len(members) != 2 || string(members["tracking_id"]) != `"`+trackingID+`"` {
		return nil, fmt.Errorf("GET %s: the answer's members are not tracking_id and log alone: %v", path, members)
	}
	return log, nil
}

// Cancel cancels a task below a prefix, "" for the bare route.
func (a API) Cancel(ctx context.Context, prefix, trackingID string) error {
	var answer map[string]string
	if err := a.Post(ctx, prefix+"/"+trackingID+"/cancel", "", &answer); err != nil {
		return err
	}
	if len(answer) != 1 || answer["tracking_id"] != trackingID {
		return fmt.Errorf("cancel of %s answered %v", trackingID, answer)
	}
	return nil
}
