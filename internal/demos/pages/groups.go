package pages

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"granary/internal/console/thumbnail"
	"granary/internal/platform/fault"
)

// group is a cluster: its prototype and pictures that belong to it.
type group struct {
	Number  int
	Shape   shown // the prototype; empty address without
	Members []shown
	Total   int
}

const (
	groupRows    = 12 // groups of one part of a page
	groupMembers = 24 // members shown of each
)

// The entries of a clustering archive that are drawn.
var (
	prototypeEntry = regexp.MustCompile(`^prototypes/proto(?:type)?(\d{1,6})\.(?:png|jpe?g)$`)
	memberEntry    = regexp.MustCompile(`^clusters/cluster(\d{1,6})/(?:raw/\d+|\d+_raw)\.(?:png|jpe?g)$`)
)

// groups draws the archive of a clustering.
func (w *work) groups(v *result) error {
	at := slices.IndexFunc(w.files, isArchive)
	if at < 0 {
		return fault.New(fault.NotFound, "the archive is not there any more")
	}
	archive, err := w.archives.open(w.request.Context(), w.service, w.task.ID, w.files[at])
	if err != nil {
		return err
	}
	byNumber := map[int]*group{}
	of := func(number string) *group {
		n, _ := strconv.Atoi(number) // digits, few enough
		if byNumber[n] == nil {
			byNumber[n] = &group{Number: n}
		}
		return byNumber[n]
	}
	for _, entry := range archive.File {
		one := shown{Name: path.Base(entry.Name), Address: taskHref(w.task.ID) + "/archive/" + escapePath(entry.Name)}
		if m := prototypeEntry.FindStringSubmatch(entry.Name); m != nil {
			of(m[1]).Shape = one
		}
		if m := memberEntry.FindStringSubmatch(entry.Name); m != nil {
			g := of(m[1])
			if g.Total++; len(g.Members) < groupMembers {
				g.Members = append(g.Members, one)
			}
		}
	}
	var all []group
	for _, g := range byNumber {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b group) int { return cmp.Or(-cmp.Compare(a.Total, b.Total), cmp.Compare(a.Number, b.Number)) })
	from, to := v.part(w.request, len(all), groupRows)
	v.Groups = all[from:to]
	return nil
}

// archives holds the archive that was opened last: a page asks for dozens of
// its pictures.
type archives struct {
	mu     sync.Mutex
	digest string
	opened *zip.Reader
}

// open opens a task's published archive.
func (a *archives) open(ctx context.Context, service Service, taskID string, file publishedFile) (*zip.Reader, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.digest == file.SHA256 && a.opened != nil {
		return a.opened, nil
	}
	content, err := service.TaskFile(ctx, taskID, file.Path)
	if err != nil {
		return nil, err
	}
	data, err := readContent(content)
	if err != nil {
		return nil, err
	}
	opened, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the archive cannot be read: %w", err)
	}
	a.digest, a.opened = file.SHA256, opened
	return opened, nil
}

// archived serves a picture of a task's archive.
func (p *pages) archived(w http.ResponseWriter, r *http.Request) error {
	id, name := r.PathValue("id"), r.PathValue("entry")
	if prototypeEntry.FindStringIndex(name) == nil && memberEntry.FindStringIndex(name) == nil {
		return noPicture()
	}
	published, err := p.service.Published(r.Context(), id)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(published, isArchive)
	if at < 0 {
		return noPicture()
	}
	return p.serve(w, r, id+"/"+published[at].SHA256+"/"+name, thumbnail.Forever, func(ctx context.Context) ([]byte, error) {
		archive, err := p.archives.open(ctx, p.service, id, published[at])
		if err != nil {
			return nil, err
		}
		return readEntry(archive, name)
	})
}

func isArchive(file publishedFile) bool { return strings.HasSuffix(file.Path, ".zip") }

// readEntry reads one picture of an archive.
func readEntry(archive *zip.Reader, name string) ([]byte, error) {
	entry, err := archive.Open(name)
	if err != nil {
		return nil, noPicture()
	}
	defer entry.Close()
	data, err := io.ReadAll(io.LimitReader(entry, maxPicture+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "the archive cannot be read: %w", err)
	case len(data) > maxPicture:
		return nil, fault.New(fault.TooLarge, "the picture is larger than %d MiB", maxPicture>>20)
	}
	return data, nil
}
