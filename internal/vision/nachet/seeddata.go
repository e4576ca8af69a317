package nachet

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
	"granary/internal/vision"
)

// maxFactBytes bounds the document of fact sheets.
const maxFactBytes = 64 << 20

// factSheets refetches the document of seed facts.
type factSheets struct {
	service *vision.Service
	address string // of the document; empty when none is configured
	client  *fetch.Client
	turn    chan struct{} // one fetch at a time
}

func newFactSheets(service *vision.Service, base string) *factSheets {
	address := ""
	if base != "" {
		address = strings.TrimRight(base, "/") + "/seeds/all.json"
	}
	return &factSheets{service: service, address: address, client: fetch.New(fetch.Config{}), turn: make(chan struct{}, 1)}
}

func (f *factSheets) reload(ctx context.Context) error {
	if f.address == "" {
		return fault.New(fault.Unavailable, "no address of seed data is configured")
	}
	leave, err := f.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return f.fetch(ctx)
}

// enter waits for the fetch in progress.
func (f *factSheets) enter(ctx context.Context) (leave func(), err error) {
	select {
	case f.turn <- struct{}{}:
		return func() { <-f.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *factSheets) fetch(ctx context.Context) error {
	document, err := f.client.Get(ctx, f.address, maxFactBytes)
	if err != nil {
		return err
	}
	_, err = f.service.ImportSeedFacts(ctx, document)
	return err
}

// find returns a sheet, fetching the document first when nothing was ever
// imported.
func (f *factSheets) find(ctx context.Context, name string) ([]byte, error) {
	sheet, err := f.service.SeedFacts(ctx, name)
	if !errors.Is(err, vision.ErrNoFacts) || f.address == "" {
		return sheet, err
	}
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	// Whoever waited for another's fetch finds the sheets here.
	imported, err := f.service.HasFacts(ctx)
	if err != nil {
		return nil, err
	}
	if !imported {
		if err := f.fetch(ctx); err != nil {
			return nil, err
		}
	}
	return f.service.SeedFacts(ctx, name)
}

func (d *Door) getSeedData(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("seed_name")
	sheet, err := d.facts.find(r.Context(), name)
	switch {
	case errors.Is(err, vision.ErrNoFacts):
		writeJSON(w, http.StatusBadRequest, "No information found for "+name+".")
	case err != nil:
		d.refuse(w, r, "retrieving seed data", err)
	default:
		writeBody(w, http.StatusOK, sheet)
	}
}

func (d *Door) reloadSeedData(w http.ResponseWriter, r *http.Request) {
	if err := d.facts.reload(r.Context()); err != nil {
		const message = "Unhandled API error : An error happend when reloading the seed data: " // spelling as is
		writeJSON(w, d.status(err), []string{message + fault.Message(err)})
		return
	}
	writeJSON(w, http.StatusOK, []string{"Seed data reloaded successfully"})
}
