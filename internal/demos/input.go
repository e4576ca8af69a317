package demos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// uploadName is where a worker finds an uploaded picture, below its root.
func (a *attempt) uploadName() string {
	return filepath.Join(a.root, a.app.Folder, "queries", a.task.ID+".jpg")
}

func (a *attempt) writeUpload(ctx context.Context) error {
	if a.task.UploadKey == "" {
		return nil
	}
	data, _, err := a.service.blobs.ReadAll(ctx, a.task.UploadKey)
	if err != nil {
		return fmt.Errorf("read uploaded picture: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(a.uploadName()), 0o700); err != nil {
		return fmt.Errorf("write uploaded picture: %w", err)
	}
	return os.WriteFile(a.uploadName(), data, 0o600)
}

// writeInputs lays the published files that the endpoint names, and the app's
// collections, into the private folder.
func (a *attempt) writeInputs(ctx context.Context) error {
	if a.app.Manifest.Sources != "" {
		from, err := filepath.Abs(a.service.sourcesFolder(a.app))
		if err != nil {
			return fmt.Errorf("lay out collections: %w", err)
		}
		to := filepath.Join(a.root, a.app.Folder, filepath.FromSlash(a.app.Manifest.Sources))
		if err := os.Symlink(from, to); err != nil {
			return fmt.Errorf("lay out collections: %w", err)
		}
	}
	if len(a.endpoint.Inputs) == 0 {
		return nil
	}
	values, err := a.task.Values()
	if err != nil {
		return err
	}
	for _, input := range a.endpoint.Inputs {
		for name, value := range values {
			input = strings.ReplaceAll(input, "{"+name+"}", fmt.Sprint(value))
		}
		if err := a.writeInput(ctx, input); err != nil {
			if fault.Is(err, fault.NotFound) {
				return jobs.Permanent(err)
			}
			return err
		}
	}
	return nil
}

// writeInput copies one published file.
func (a *attempt) writeInput(ctx context.Context, input string) error {
	content, err := a.service.Open(ctx, a.app.Folder+"/"+input)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "there is no %.200s to work with", input)
	}
	if err != nil {
		return err
	}
	defer content.Body.Close()
	to := filepath.Join(a.root, a.app.Folder, filepath.FromSlash(input))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("lay out input: %w", err)
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("lay out input: %w", err)
	}
	_, err = io.Copy(file, content.Body)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("lay out input: %w", err)
	}
	return nil
}
