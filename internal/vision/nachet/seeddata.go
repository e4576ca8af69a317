package nachet

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

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
	mu      sync.Mutex // one fetch at a time
}

func newFactSheets(service *vision.Service, base string) *factSheets {
	address := ""
	if base != "" {
		address = strings.TrimRight(base, "/") + "/seeds/all.json"
	}
	return &factSheets{service: service, address: address, client: fetch.New(fetch.Config{})}
}

func (f *factSheets) reload(ctx context.Context) error {
	if f.address == "" {
		return fault.New(fault.Unavailable, "no address of seed data is configured")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
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
	if imported, hasErr := f.service.HasFacts(ctx); imported || hasErr != nil {
		return nil, errors.Join(err, hasErr)
	}
	if err := f.reload(ctx); err != nil {
		return nil, err
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
