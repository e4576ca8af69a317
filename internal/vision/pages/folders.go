package pages

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"granary/internal/console/thumbnail"
	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// mosaicSize is how many thumbnails a folder shows.
const mosaicSize = 4

type foldersView struct {
	Folders []folderCard
	// Owners are whose folders the visitor may look at; Owner is the chosen one.
	Owners []vision.Owner
	Owner  string
	Mine   bool
}

type folderCard struct {
	ID, Name                     string
	Pictures, Validated, Waiting int
	Thumbs                       []string
}

func (p *pages) folders(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.service.DefaultSet(r.Context()); err != nil {
		return err
	}
	me := user(r.Context()).UserID
	v := foldersView{Owner: cmp.Or(r.URL.Query().Get("owner"), me)}
	v.Mine = v.Owner == me
	listings, err := p.service.Listings(r.Context(), v.Owner)
	if err != nil {
		return err
	}
	if v.Owners, err = p.service.Owners(r.Context()); err != nil {
		return err
	}
	for _, listing := range listings {
		card := folderCard{ID: listing.ID, Name: folderName(listing.PictureSet), Pictures: len(listing.Pictures)}
		for i, line := range listing.Pictures {
			if line.Validated {
				card.Validated++
			} else if line.Inferred {
				card.Waiting++
			}
			if i >= len(listing.Pictures)-mosaicSize {
				card.Thumbs = append(card.Thumbs, line.ID)
			}
		}
		v.Folders = append(v.Folders, card)
	}
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/folders", Title: l.T("folders.title"), Active: "folders",
		Crumbs: []ui.Crumb{{Text: l.T("folders.title")}}, Notice: ui.Done(r, l, "folders.deleted"), Data: v,
	})
	return nil
}

// folderName is never empty: unnamed batch folders show their id.
func folderName(set vision.PictureSet) string {
	if set.Name == "" {
		return set.ID
	}
	return set.Name
}

func (p *pages) createFolder(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	set, err := p.service.CreateSet(r.Context(), strings.TrimSpace(r.PostForm.Get("name")))
	if err != nil {
		return err
	}
	ui.Redirect(w, r, folderHref(set.ID), "")
	return nil
}

func folderHref(id string) string { return root + "/folders/" + url.PathEscape(id) }

func pictureHref(id string) string { return root + "/pictures/" + url.PathEscape(id) }

func (p *pages) renameFolder(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	id := r.PathValue("id")
	if err := p.service.RenameSet(r.Context(), id, strings.TrimSpace(r.PostForm.Get("name"))); err != nil {
		return err
	}
	ui.Redirect(w, r, folderHref(id), "")
	return nil
}

func (p *pages) deleteFolder(w http.ResponseWriter, r *http.Request) error {
	if err := p.service.DeleteSet(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	ui.Redirect(w, r, root, "folders.deleted")
	return nil
}

// folderPage is how many pictures one page of a folder shows.
const folderPage = 120

type folderView struct {
	ID, Name  string
	Total     int
	Mine      bool
	Default   bool
	Review    string // the first picture that waits for review
	MaxBytes  string
	Pipelines []pipelineChoice
	Table     ui.TableView[thumbView]
	// List shows lines instead of thumbnails; Other is the address of the other
	// of the two.
	List  bool
	Other string
}

type thumbView struct {
	ID, Name, State         string
	ThumbWidth, ThumbHeight int
	Width, Height           int // pixels
	Bytes                   int64
	UploadedAt              time.Time
}

// pipelineChoice is a line of the pipeline selector.
type pipelineChoice struct {
	Name    string
	Default bool
}

func (p *pages) choices(r *http.Request) ([]pipelineChoice, error) {
	pipelines, err := p.service.Pipelines(r.Context())
	if err != nil {
		return nil, err
	}
	choices := make([]pipelineChoice, len(pipelines))
	for i := range pipelines {
		choices[i] = pipelineChoice{Name: pipelines[i].Name, Default: pipelines[i].Default}
	}
	return choices, nil
}

func (p *pages) folder(w http.ResponseWriter, r *http.Request) error {
	ctx, l := r.Context(), p.kit.Locale(r)
	set, err := p.service.Set(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	lines, err := p.lines(r, set)
	if err != nil {
		return err
	}
	states, review := map[string]string{}, ""
	for _, line := range lines {
		states[line.ID] = lineState(line)
		if review == "" && states[line.ID] == "waiting" {
			review = line.ID
		}
	}
	table, done, err := p.picturesTable(set.ID, states).Page(w, r)
	if err != nil || done {
		return err
	}
	rights, err := p.service.Rights(ctx, set)
	if err != nil {
		return err
	}
	table.Pick = rights.Manage
	v := folderView{
		ID: set.ID, Name: folderName(set), Total: len(lines), Default: set.Kind == vision.DefaultSet, Review: review,
		Mine: rights.Manage, MaxBytes: l.Bytes(p.maxBytes()), Table: table, List: r.URL.Query().Get("view") == "list",
	}
	v.Other = ui.WithQuery(folderHref(set.ID), "sort", r.URL.Query().Get("sort"))
	if !v.List {
		v.Other = ui.WithQuery(v.Other, "view", "list")
	}
	if v.Pipelines, err = p.choices(r); err != nil {
		return err
	}
	if ui.Partial(r) {
		p.kit.Fragment(w, r, "vision/folder", "grid", v)
		return nil
	}
	p.kit.Render(w, r, ui.Page{
		Name: "vision/folder", Title: v.Name, Active: "folders", Scripts: []string{"vision/upload.js", "vision/several.js"},
		Crumbs: []ui.Crumb{{Text: l.T("folders.title"), Href: root}, {Text: v.Name}},
		Notice: ui.Done(r, l, "upload.stored", "upload.unnamed", "selected.classified", "selected.deleted"), Data: v,
	})
	return nil
}

// picturesTable lists a folder's pictures by upload, with their states.
func (p *pages) picturesTable(setID string, states map[string]string) ui.Table[thumbView] {
	text := func(id, heading string, of func(thumbView) string) ui.Column[thumbView] {
		return ui.Column[thumbView]{
			ID: id, Text: heading, Export: of,
			Compare: func(a, b thumbView) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	number := func(id, heading string, of func(thumbView) int64) ui.Column[thumbView] {
		return ui.Column[thumbView]{
			ID: id, Text: heading, Class: "num", Export: func(v thumbView) string { return strconv.FormatInt(of(v), 10) },
			Compare: func(a, b thumbView) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[thumbView]{
		Name: "pictures", Size: folderPage, Key: func(v thumbView) string { return v.ID },
		Source: func(ctx context.Context, cursor string, limit int) ([]thumbView, string, error) {
			pictures, err := p.service.SetPictures(ctx, setID, cursor, limit+1)
			if err != nil {
				return nil, "", err
			}
			next := ""
			if len(pictures) > limit {
				pictures = pictures[:limit]
				next = pictures[limit-1].ID
			}
			rows := make([]thumbView, len(pictures))
			for i := range pictures {
				rows[i] = newThumb(&pictures[i], states[pictures[i].ID])
			}
			return rows, next, nil
		},
		Columns: []ui.Column[thumbView]{
			text("name", "picture.name", func(v thumbView) string { return v.Name }),
			text("state", "picture.state", func(v thumbView) string { return v.State }),
			{
				ID: "uploaded_at", Text: "picture.uploaded", Export: func(v thumbView) string { return ui.CSVTime(v.UploadedAt) },
				Compare: func(a, b thumbView) int { return a.UploadedAt.Compare(b.UploadedAt) },
			},
			number("size_bytes", "picture.size", func(v thumbView) int64 { return v.Bytes }),
			number("width", "picture.width", func(v thumbView) int64 { return int64(v.Width) }),
			number("height", "picture.height", func(v thumbView) int64 { return int64(v.Height) }),
			{ID: "id", Export: func(v thumbView) string { return v.ID }},
		},
	}
}

// lines returns what the listing says of the folder's pictures, in order.
func (p *pages) lines(r *http.Request, set vision.PictureSet) ([]vision.PictureLine, error) {
	listings, err := p.service.Listings(r.Context(), set.OwnerID)
	if err != nil {
		return nil, err
	}
	for _, listing := range listings {
		if listing.ID == set.ID {
			return listing.Pictures, nil
		}
	}
	return nil, nil
}

// lineState is a picture's state as the grid shows it: stored without an
// answer, waiting for review, or verified.
func lineState(line vision.PictureLine) string {
	switch {
	case line.Validated:
		return "verified"
	case line.Inferred:
		return "waiting"
	}
	return "stored"
}

func newThumb(picture *vision.Picture, state string) thumbView {
	if state == "" {
		state = "stored" // uploaded since the listing was read
	}
	v := thumbView{
		ID: picture.ID, Name: pictureName(picture), State: state, Width: picture.Width, Height: picture.Height,
		Bytes: picture.SizeBytes, UploadedAt: picture.UploadedAt,
	}
	v.ThumbWidth, v.ThumbHeight = fit(picture.Width, picture.Height, thumbnail.Small)
	return v
}

// pictureName is the file's name as the user called it, without folders.
func pictureName(picture *vision.Picture) string {
	if name := path.Base(strings.ReplaceAll(picture.FileName, `\`, "/")); picture.FileName != "" && name != "." && name != "/" {
		return name
	}
	return picture.ID[max(0, len(picture.ID)-12):]
}

// fit scales a size down so that its longer side is at most side.
func fit(width, height, side int) (fitWidth, fitHeight int) {
	longer := max(width, height, 1)
	if longer <= side {
		return max(width, 1), max(height, 1)
	}
	return max(width*side/longer, 1), max(height*side/longer, 1)
}
