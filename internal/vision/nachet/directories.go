package nachet

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// folderArgs are the arguments of every folder route.
type folderArgs struct {
	User   string `json:"container_name"`
	Folder string `json:"folder_name"`
	ID     string `json:"folder_uuid"`
}

func (d *Door) getDirectories(ctx context.Context, in *request) (any, error) {
	var args folderArgs
	if err := in.decode(&args); err != nil {
		return nil, err
	}
	if args.User == "" {
		return nil, apiError("Missing container name")
	}
	ctx, err := d.as(ctx, args.User)
	if err != nil {
		return nil, err
	}
	listings, err := d.vision.Listings(ctx, args.User)
	if err != nil {
		return nil, setDetail(err, args.User, "")
	}
	list := folderList{`{"folders":`, listings, "}"}
	if strings.HasSuffix(in.r.URL.Path, "/dir") {
		list = folderList{listings: listings}
	}
	pictures := 0
	for i := range listings {
		pictures += len(listings[i].Pictures)
	}
	if coding := coding(in.r.Header.Values("Accept-Encoding")); coding != "" && pictures >= manyPictures {
		return packedList{list, coding, d.folders}, nil
	}
	return list, nil
}

// folderList is the answer about folders. It is written by hand and in
// pieces: an account may hold hundreds of thousands of pictures, and this list
// is asked for after every act.
type folderList struct {
	before   string
	listings []vision.Listing
	after    string
}

var _ streamed = folderList{}

func (folderList) encoding() string { return "" }

// piece is how much of a list is written at once, in bytes.
const piece = 128 << 10

// writeTo sends the list while it is being made.
func (l folderList) writeTo(w io.Writer) error {
	b := append(make([]byte, 0, piece+4<<10), l.before...)
	b = append(b, '[')
	for i := range l.listings {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = writeFolder(w, b, &l.listings[i]); err != nil {
			return err
		}
	}
	_, err := w.Write(append(append(b, ']'), l.after...))
	return err
}

// writeFolder appends a folder to b, which it writes out whenever it is full.
func writeFolder(w io.Writer, b []byte, l *vision.Listing) ([]byte, error) {
	b = append(b, `{"folder_name":`...)
	b = appendText(b, l.Name)
	b = append(b, `,"nb_pictures":`...)
	b = strconv.AppendInt(b, int64(len(l.Pictures)), 10)
	b = append(b, `,"picture_set_id":`...)
	b = appendText(b, l.ID)
	b = append(b, `,"pictures":[`...)
	for j := range l.Pictures {
		if j > 0 {
			b = append(b, ',')
		}
		b = appendPicture(b, &l.Pictures[j])
		if len(b) >= piece {
			if _, err := w.Write(b); err != nil {
				return b, err
			}
			b = b[:0]
		}
	}
	return append(b, "]}"...), nil
}

// appendPicture writes both spellings: the server's own, and the ones that the
// front end reads. All but the id is one of four texts.
func appendPicture(b []byte, p *vision.PictureLine) []byte {
	switch {
	case p.Inferred && p.Validated:
		b = append(b, `{"inference_exist":true,"inference_exists":true,"is_validated":true,"is_validation":true,"picture_id":`...)
	case p.Inferred:
		b = append(b, `{"inference_exist":true,"inference_exists":true,"is_validated":false,"is_validation":false,"picture_id":`...)
	case p.Validated:
		b = append(b, `{"inference_exist":false,"inference_exists":false,"is_validated":true,"is_validation":true,"picture_id":`...)
	default:
		b = append(b, `{"inference_exist":false,"inference_exists":false,"is_validated":false,"is_validation":false,"picture_id":`...)
	}
	return append(appendText(b, p.ID), '}')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func (d *Door) createDir(ctx context.Context, in *request) (any, error) {
	ctx, args, err := d.folderByName(ctx, in)
	if err != nil {
		return nil, err
	}
	set, err := d.vision.CreateSet(ctx, args.Folder)
	if err != nil {
		return nil, setDetail(err, args.User, "")
	}
	return []string{set.ID}, nil
}

// deleteAny takes an id or a name, because the front end's button sends the
// id under folder_name.
func (d *Door) deleteAny(ctx context.Context, in *request) (any, error) {
	ctx, args, err := d.folderByName(ctx, in)
	if err != nil {
		return nil, err
	}
	set, err := d.vision.ResolveSet(ctx, args.Folder)
	if err == nil {
		err = d.vision.DeleteSet(ctx, set.ID)
	}
	if err != nil {
		return nil, setDetail(err, args.User, args.Folder)
	}
	return []bool{true}, nil
}

func (d *Door) deleteRequest(ctx context.Context, in *request) (any, error) {
	ctx, args, err := d.folderByID(ctx, in, "missing container or directory name")
	if err != nil {
		return nil, err
	}
	validated, err := d.vision.HasValidated(ctx, args.ID)
	if fault.Is(err, fault.Forbidden) {
		return nil, storeError(err, "User isn't owner of this folder, user uuid :"+args.User+", folder uuid : "+args.ID)
	}
	if err != nil {
		return nil, setDetail(err, args.User, args.ID)
	}
	return validated, nil
}

func (d *Door) deletePermanently(ctx context.Context, in *request) (any, error) {
	ctx, args, err := d.folderByID(ctx, in, "missing container name or directory id")
	if err != nil {
		return nil, err
	}
	return d.deleted(args, d.vision.DeleteSet(ctx, args.ID))
}

func (d *Door) deleteWithArchive(ctx context.Context, in *request) (any, error) {
	ctx, args, err := d.folderByID(ctx, in, "missing container or directory name")
	if err != nil {
		return nil, err
	}
	return d.deleted(args, d.vision.DeleteSetWithArchive(ctx, args.ID))
}

func (d *Door) deleted(args folderArgs, err error) (any, error) {
	if fault.Is(err, fault.Forbidden) {
		return nil, storeError(err, "User can't delete this folder, user uuid :"+args.User+", folder name : "+args.ID)
	}
	if err != nil {
		return nil, setDetail(err, args.User, args.ID)
	}
	return true, nil
}

func (d *Door) folderByID(ctx context.Context, in *request, missing string) (context.Context, folderArgs, error) {
	var args folderArgs
	if err := in.decode(&args); err != nil {
		return nil, args, err
	}
	if args.User == "" || args.ID == "" {
		return nil, args, apiError(missing)
	}
	ctx, err := d.as(ctx, args.User)
	return ctx, args, err
}

func (d *Door) folderByName(ctx context.Context, in *request) (context.Context, folderArgs, error) {
	var args folderArgs
	if err := in.decode(&args); err != nil {
		return nil, args, err
	}
	if args.User == "" || args.Folder == "" {
		return nil, args, apiError("missing container or directory name")
	}
	ctx, err := d.as(ctx, args.User)
	return ctx, args, err
}
