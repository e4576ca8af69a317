package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client calls the server's API.
type client struct {
	base, token string
	http        *http.Client
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// call posts body (GETs when it is nil) and decodes the answer into out.
func (c *client) call(ctx context.Context, path string, body, out any) error {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, reader = http.MethodPost, bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %.300s", path, response.Status, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// rect is a box on the wire.
type rect struct {
	TopX    float64 `json:"topX"`
	TopY    float64 `json:"topY"`
	BottomX float64 `json:"bottomX"`
	BottomY float64 `json:"bottomY"`
}

// inference is the part of an answer to /inf that the demo reads.
type inference struct {
	ID    string `json:"inference_id"`
	Boxes []struct {
		ID    string  `json:"box_id"`
		Box   rect    `json:"box"`
		Label string  `json:"label"`
		Score float64 `json:"score"`
	} `json:"boxes"`
}

// correction is one box of a negative feedback.
type correction struct {
	BoxID string `json:"boxId"`
	Label string `json:"label"`
	Class string `json:"classId"`
	Box   rect   `json:"box"`
}

func (c *client) classify(ctx context.Context, user, folder, pipeline string, png []byte, width, height int) (inference, error) {
	var out inference
	err := c.call(ctx, "/inf", map[string]any{
		"model_name": pipeline, "folder_name": folder, "container_name": user, "imageDims": []int{width, height},
		"image": "data:image/png;base64," + base64.StdEncoding.EncodeToString(png),
	}, &out)
	return out, err
}

func (c *client) correct(ctx context.Context, user, inferenceID string, boxes []correction) error {
	var out inference
	return c.call(ctx, "/feedback-negative", map[string]any{"userId": user, "inferenceId": inferenceID, "boxes": boxes}, &out)
}

func (c *client) createFolder(ctx context.Context, user, name string) (string, error) {
	var out []string
	if err := c.call(ctx, "/create-dir", map[string]any{"container_name": user, "folder_name": name}, &out); err != nil {
		return "", err
	}
	return out[0], nil
}

// retrain queues a training and waits until it has ended.
func (c *client) retrain(ctx context.Context) error {
	var queued struct {
		JobID string `json:"job_id"`
	}
	if err := c.call(ctx, "/api/v1/vision/model/retrain", struct{}{}, &queued); err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var job struct {
			State string `json:"state"`
			Error string `json:"error"`
		}
		if err := c.call(ctx, "/api/v1/jobs/"+queued.JobID, nil, &job); err != nil {
			return err
		}
		switch job.State {
		case "succeeded":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("the retraining %s: %s", job.State, job.Error)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
