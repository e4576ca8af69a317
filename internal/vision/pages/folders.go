package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"strings"

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
	Pictures  []thumbView
	Pager     pager
}

type pager struct{ First, Next string }

type thumbView struct {
	ID, Name, State         string
	ThumbWidth, ThumbHeight int
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
	cursor := r.URL.Query().Get("cursor")
	pictures, err := p.service.SetPictures(ctx, set.ID, cursor, folderPage+1)
	if err != nil {
		return err
	}
	rights, err := p.service.Rights(ctx, set)
	if err != nil {
		return err
	}
	v := folderView{
		ID: set.ID, Name: folderName(set), Total: len(lines), Default: set.Kind == vision.DefaultSet,
		Mine: rights.Manage, MaxBytes: l.Bytes(p.maxBytes()),
	}
	if v.Pipelines, err = p.choices(r); err != nil {
		return err
	}
	if len(pictures) > folderPage {
		pictures = pictures[:folderPage]
		v.Pager.Next = ui.WithQuery(folderHref(set.ID), "cursor", pictures[folderPage-1].ID)
	}
	if cursor != "" {
		v.Pager.First = folderHref(set.ID)
	}
	states := map[string]string{}
	for _, line := range lines {
		states[line.ID] = lineState(line)
		if v.Review == "" && states[line.ID] == "waiting" {
			v.Review = line.ID
		}
	}
	for i := range pictures {
		v.Pictures = append(v.Pictures, newThumb(&pictures[i], states[pictures[i].ID]))
	}
	if ui.Partial(r) {
		p.kit.Fragment(w, r, "vision/folder", "grid", v)
		return nil
	}
	p.kit.Render(w, r, ui.Page{
		Name: "vision/folder", Title: v.Name, Active: "folders", Scripts: []string{"vision/upload.js"},
		Crumbs: []ui.Crumb{{Text: l.T("folders.title"), Href: root}, {Text: v.Name}},
		Notice: ui.Done(r, l, "upload.stored", "upload.unnamed"), Data: v,
	})
	return nil
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
	v := thumbView{ID: picture.ID, Name: pictureName(picture), State: state}
	v.ThumbWidth, v.ThumbHeight = fit(picture.Width, picture.Height, thumbSmall)
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
