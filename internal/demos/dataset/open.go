package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/fault"
)

// View is a data set as one job sees it.
type View struct {
	// UID is the uid of the set, with the part behind @ when there are crops.
	UID string
	// Documents are in the order of the start request.
	Documents []ViewDocument
	// Problems say what could not be used, such as a crop of a picture that
	// does not exist; an app reports them as warnings.
	Problems []string
}

// ViewDocument is one document of a view.
type ViewDocument struct {
	Document
	// Dir is the absolute path of the document's folder; an app writes
	// annotations/ under it.
	Dir string
	// Images are the pictures, or the crops when the set has crops.
	Images []Image
}

// Images returns the pictures of all documents, in order.
func (v *View) Images() []Image {
	var all []Image
	for _, d := range v.Documents {
		all = append(all, d.Images...)
	}
	return all
}

// maxInfo bounds info.json and the crops file.
const maxInfo = 256 << 20

// info is the text of info.json.
type info struct {
	UID       string     `json:"uid"`
	Documents []Document `json:"documents"`
}

var setUID = regexp.MustCompile(`^[0-9a-f]{64}(@[0-9a-f]{64})?$`)

// OpenView reads the data set datasetUID under dataRoot, which MakeView or an
// existing installation laid out. When the set has crops it cuts them, reuses
// those that are there, and gives them instead of the pictures. A document
// without pictures is listed without. Errors: fault.NotFound for no such set,
// fault.Invalid for damaged files.
func OpenView(ctx context.Context, dataRoot, datasetUID string) (*View, error) {
	if !setUID.MatchString(datasetUID) {
		return nil, fault.New(fault.Invalid, "%.150q is no uid of a data set", datasetUID)
	}
	dataRoot, err := filepath.Abs(dataRoot)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dataRoot)
	if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	defer root.Close()
	base, crops, _ := strings.Cut(datasetUID, "@")
	documents, err := readInfo(root, base)
	if err != nil {
		return nil, err
	}
	view := &View{UID: datasetUID}
	for _, d := range documents {
		dir := documentDir(d.Type, d.UID)
		images, err := readImages(root, dir, d.UID)
		if err != nil {
			return nil, fmt.Errorf("read document %s: %w", d.UID, err)
		}
		view.Documents = append(view.Documents, ViewDocument{
			Document: d, Dir: filepath.Join(dataRoot, filepath.FromSlash(dir)), Images: images,
		})
	}
	if crops == "" {
		return view, nil
	}
	text, err := readFile(root, path.Join(setDir(base), cropsFile(crops)), maxInfo)
	if err != nil {
		return nil, fmt.Errorf("read crops: %w", err)
	}
	return view, view.crop(ctx, text)
}

// readInfo reads the documents of a set.
func readInfo(root *os.Root, base string) ([]Document, error) {
	text, err := readFile(root, path.Join(setDir(base), "info.json"), maxInfo)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no data set %s", base)
	}
	if err != nil {
		return nil, err
	}
	var found info
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fault.New(fault.Invalid, "info.json of data set %s is damaged: %w", base, err)
	}
	for i, d := range found.Documents {
		if found.Documents[i], err = d.Normal(); err != nil {
			return nil, fmt.Errorf("read info.json of data set %s: %w", base, err)
		}
	}
	return found.Documents, nil
}

// source is one picture and everything that is cut out of it.
type source struct {
	document int
	image    Image
	crops    []crop
	problem  error
}

// crop replaces the pictures by their crops: document by document, in the
// order in which the list first names their pictures.
func (v *View) crop(ctx context.Context, text json.RawMessage) error {
	list, err := parseCrops(text)
	if err != nil {
		return err
	}
	pictures := map[[2]string]*source{}
	for i, d := range v.Documents {
		for _, picture := range d.Images {
			pictures[[2]string{d.UID, picture.ID}] = &source{document: i, image: picture}
		}
		v.Documents[i].Images = nil
	}
	var order []*source
	for _, item := range list {
		uid := Sanitise(item.DocUID)
		if uid == "" && len(v.Documents) == 1 {
			uid = v.Documents[0].UID
		}
		found := pictures[[2]string{uid, item.Source}]
		if found == nil {
			v.Problems = append(v.Problems, fmt.Sprintf("Image %.100s not found in document %.100s", item.Source, uid))
			continue
		}
		if len(found.crops) == 0 {
			order = append(order, found)
		}
		found.crops = append(found.crops, item.Crops...)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range order {
		group.Go(func() error {
			s.problem = cut(s.image, v.Documents[s.document].Dir, s.crops)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range order {
		if s.problem != nil {
			v.Problems = append(v.Problems, fmt.Sprintf("Image %.100s of document %.100s: %s", s.image.ID, s.image.DocUID, fault.Message(s.problem)))
			continue
		}
		document := &v.Documents[s.document]
		for _, c := range s.crops {
			document.Images = append(document.Images, cropped(document.Dir, s.image, c))
		}
	}
	return nil
}

// cropped returns the picture that a crop becomes.
func cropped(dir string, source Image, c crop) Image {
	metadata := maps.Clone(source.Metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["crop"] = c.Relative.String()
	name := croppedPath(c.ID)
	return Image{
		ID: c.ID, Src: source.Src, Path: name, Metadata: metadata,
		DocUID: source.DocUID, File: filepath.Join(dir, filepath.FromSlash(name)),
	}
}

// documentDir, setDir and cropsFile are slash-separated names of the layout.
func documentDir(kind, uid string) string { return path.Join("shared/documents", kind, uid) }
func setDir(base string) string           { return path.Join("shared/datasets", base) }
func cropsFile(uid string) string         { return "crops_" + uid + ".json" }
