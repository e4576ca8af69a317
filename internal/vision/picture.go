package vision

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
)

// Picture is one stored picture. Its bytes are in the blob store.
type Picture struct {
	bun.BaseModel `bun:"table:vision_pictures,alias:p" json:"-"`

	ID         string    `bun:"id,pk" json:"id"`
	SetID      string    `bun:"set_id" json:"set_id"`
	BlobKey    string    `bun:"blob_key" json:"-"`
	SHA256     string    `bun:"sha256" json:"sha256"`
	MediaType  string    `bun:"media_type" json:"media_type"`
	Width      int       `bun:"width" json:"width"`   // pixels, upright
	Height     int       `bun:"height" json:"height"` // pixels, upright
	SizeBytes  int64     `bun:"size_bytes" json:"size_bytes"`
	Batch      bool      `bun:"batch" json:"batch"`
	Validated  bool      `bun:"validated" json:"validated"`
	SeedCount  *int64    `bun:"seed_count" json:"seed_count,omitempty"`
	ZoomLevel  *float64  `bun:"zoom_level" json:"zoom_level,omitempty"`
	FileName   string    `bun:"file_name" json:"file_name"`
	UploadedAt time.Time `bun:"uploaded_at" json:"uploaded_at"`
}

// PictureSeed says that a picture shows a seed; a validated picture has one
// for each of its objects.
type PictureSeed struct {
	bun.BaseModel `bun:"table:vision_picture_seeds"`

	ID        string    `bun:"id,pk"`
	PictureID string    `bun:"picture_id"`
	SeedID    string    `bun:"seed_id"`
	CreatedAt time.Time `bun:"created_at"`
}

func blobKey(pictureID string) string { return "vision/pictures/" + pictureID }

// Picture returns a picture that the caller may look at, and its set.
func (s *Service) Picture(ctx context.Context, id string) (Picture, PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return Picture{}, PictureSet{}, err
	}
	picture, set, err := pictureWithSet(ctx, s.db.Reader(), id)
	if err != nil {
		return Picture{}, PictureSet{}, err
	}
	if err := permit(caller, read, set.OwnerID); err != nil {
		return Picture{}, PictureSet{}, s.refused(ctx, "picture:"+id, err)
	}
	return picture, set, nil
}

func pictureWithSet(ctx context.Context, db bun.IDB, id string) (Picture, PictureSet, error) {
	var picture Picture
	err := db.NewSelect().Model(&picture).Where("id = ?", id).Scan(ctx)
	if err := found(err, ErrNoPicture, "read picture"); err != nil {
		return Picture{}, PictureSet{}, err
	}
	set, err := setByID(ctx, db, picture.SetID)
	return picture, set, err
}

// PictureBytes returns a picture's file, its digest verified.
func (s *Service) PictureBytes(ctx context.Context, id string) (Picture, []byte, error) {
	picture, _, err := s.Picture(ctx, id)
	if err != nil {
		return Picture{}, nil, err
	}
	data, _, err := s.blobs.ReadAll(ctx, picture.BlobKey)
	if err != nil {
		return Picture{}, nil, fmt.Errorf("read picture %s: %w", id, err)
	}
	return picture, data, nil
}

// SetPictures returns the pictures of a set that the caller may look at, by
// upload time, from after the picture with id after ("" for the start); at
// most limit of them.
func (s *Service) SetPictures(ctx context.Context, setID, after string, limit int) ([]Picture, error) {
	if _, err := s.Set(ctx, setID); err != nil {
		return nil, err
	}
	pictures := []Picture{}
	query := s.db.Reader().NewSelect().Model(&pictures).Where("p.set_id = ?", setID).
		Order("p.uploaded_at", "p.id").Limit(int64(min(max(limit, 1), 1000)))
	if after != "" {
		query.Where("(p.uploaded_at, p.id) > (SELECT a.uploaded_at, a.id FROM vision_pictures AS a WHERE a.id = ?)", after)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list pictures: %w", err)
	}
	return pictures, nil
}

// UploadPicture stores one picture in a set of the caller without asking any
// model. fileName is what the user called it; it is only shown.
func (s *Service) UploadPicture(ctx context.Context, setID, fileName string, data []byte) (Picture, error) {
	if _, err := s.caller(ctx); err != nil {
		return Picture{}, err
	}
	picture, err := s.newPicture(setID, data)
	if err != nil {
		return Picture{}, err
	}
	picture.FileName = shortName(fileName)
	return picture, s.storeInSet(ctx, &picture, data)
}

// storeInSet stores a picture in its set, which the caller must manage.
func (s *Service) storeInSet(ctx context.Context, picture *Picture, data []byte) error {
	return s.storePicture(ctx, picture, data, func(ctx context.Context, publish func(context.Context, database.Tx) error) error {
		return s.changeSet(ctx, picture.SetID, func(ctx context.Context, tx database.Tx, _ PictureSet) error {
			return publish(ctx, tx)
		})
	})
}

// maxFileName bounds the kept part of an uploaded file's name in bytes.
const maxFileName = 200

// shortName keeps what can be shown of a client's file name: its last part,
// without control characters.
func shortName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	for len(name) > maxFileName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// DeletePicture removes a picture and everything said about it.
func (s *Service) DeletePicture(ctx context.Context, id string) error {
	picture, _, err := s.Picture(ctx, id)
	if err != nil {
		return err
	}
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	return s.refused(ctx, "picture:"+id, s.deed(ctx, setTurn(picture.SetID), managed(caller, picture.SetID,
		func(ctx context.Context, tx database.Tx, set PictureSet) error {
			result, err := tx.NewDelete().Model((*Picture)(nil)).Where("id = ?", id).Exec(ctx)
			if err := changed(result, err, ErrNoPicture, "delete picture"); err != nil {
				return err
			}
			if err := s.blobs.Doom(ctx, tx, picture.BlobKey); err != nil {
				return err
			}
			return s.record(ctx, tx, deedPictureDelete, "picture:"+id, map[string]any{"owner": set.OwnerID})
		})))
}

// newPicture passes the file through the image gate and describes it, all but
// the digest, which the blob store takes on the way.
func (s *Service) newPicture(setID string, data []byte) (Picture, error) {
	header, err := s.cfg.Gate.Inspect(data)
	if err != nil {
		return Picture{}, err
	}
	width, height := header.Width, header.Height
	if header.Orientation >= 5 { // EXIF 2.32, table 6: turned by a quarter
		width, height = height, width
	}
	id := newID()
	return Picture{
		ID: id, SetID: setID, BlobKey: blobKey(id), MediaType: header.MediaType(), Width: width, Height: height,
		SizeBytes: int64(len(data)), UploadedAt: s.now(),
	}, nil
}

// storePicture writes the bytes, then runs commit, whose transaction calls
// publish to insert the picture's row and make its bytes live. When commit
// fails the bytes are discarded.
func (s *Service) storePicture(ctx context.Context, picture *Picture, data []byte,
	commit func(ctx context.Context, publish func(context.Context, database.Tx) error) error,
) error {
	object, err := s.writeBytes(ctx, picture, data)
	if err != nil {
		return err
	}
	err = commit(ctx, func(ctx context.Context, tx database.Tx) error {
		return s.publishPicture(ctx, tx, picture, object)
	})
	if err != nil {
		s.discard(ctx, picture.BlobKey)
	}
	return err
}

// writeLimit bounds one write to the blob store.
const writeLimit = time.Minute

// writeBytes stores the file, to be published or discarded. A write that has
// begun goes on when the caller leaves or a model fails: told to stop in the
// middle, a remote store may still finish after the bytes were discarded, and
// then nobody would know of them.
func (s *Service) writeBytes(ctx context.Context, picture *Picture, data []byte) (blob.Object, error) {
	if err := ctx.Err(); err != nil {
		return blob.Object{}, fmt.Errorf("store picture: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	object, err := s.blobs.Put(ctx, picture.BlobKey, picture.MediaType, bytes.NewReader(data))
	if err != nil {
		return blob.Object{}, fmt.Errorf("store picture: %w", err)
	}
	return object, nil
}

func (s *Service) publishPicture(ctx context.Context, tx database.Tx, picture *Picture, object blob.Object) error {
	picture.SHA256 = object.SHA256
	if _, err := tx.NewInsert().Model(picture).Exec(ctx); err != nil {
		return fmt.Errorf("insert picture: %w", err)
	}
	return s.blobs.Publish(ctx, tx, object)
}

// discard removes bytes that no row came to name. It runs even when the
// caller has gone; what it cannot remove, the next sweep does.
func (s *Service) discard(ctx context.Context, key string) {
	if err := s.blobs.Discard(context.WithoutCancel(ctx), key); err != nil {
		s.log.WarnContext(ctx, "unused picture bytes wait for the next sweep", "key", key, "error", err)
	}
}

// OpenPicture streams a picture's file; the reader reports a digest that does
// not match at its end. The caller closes it.
func (s *Service) OpenPicture(ctx context.Context, id string) (Picture, io.ReadCloser, error) {
	picture, _, err := s.Picture(ctx, id)
	if err != nil {
		return Picture{}, nil, err
	}
	body, object, err := s.blobs.Get(ctx, picture.BlobKey)
	if err != nil {
		return Picture{}, nil, fmt.Errorf("open picture %s: %w", id, err)
	}
	picture.SizeBytes = object.Size
	return picture, body, nil
}
