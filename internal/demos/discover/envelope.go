package discover

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"time"

	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

// envelope is a start request before its contract is checked: the members of
// its JSON object, or a form's fields as texts.
type envelope struct {
	fields map[string]json.RawMessage
	upload []byte
}

// smallBody is the length in bytes up to which a body takes no share of the
// budget, so that no slow sender of a long one is in the way of ordinary
// requests.
const smallBody = 1 << 20

// holdWait is how long a long body waits for its share.
const holdWait = time.Minute

// hold takes a body's share of the memory budget. Front ends set no time
// limit, so a request waits for its turn, though not for ever.
func (d *Door) hold(ctx context.Context, r *http.Request) (release func(), err error) {
	size := min(r.ContentLength, d.cfg.MaxBody)
	if size < 0 {
		size = d.cfg.MaxBody
	}
	if size <= smallBody {
		return func() {}, nil
	}
	waiting, cancel := context.WithTimeout(ctx, holdWait)
	defer cancel()
	if err := d.budget.Acquire(waiting, size); err != nil {
		return nil, fault.New(fault.Unavailable, "the server is receiving other long requests; try again later").After(holdWait)
	}
	return func() { d.budget.Release(size) }, nil
}

// readEnvelope reads a start request in any of the forms that the endpoint
// knows.
func readEnvelope(r *http.Request, e *manifest.Endpoint) (envelope, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		mediaType = ""
	}
	form := "json"
	switch mediaType {
	case "application/json":
	case "multipart/form-data":
		form = "multipart"
	default:
		form = "form"
	}
	accepted := slices.Contains(e.Bodies, form) || form == "multipart" && slices.Contains(e.Bodies, "form")
	if !accepted {
		message := e.NotJSON
		if message == "" {
			message = "this endpoint reads " + fmt.Sprint(e.Bodies) + " bodies only"
		}
		return envelope{}, fault.New(fault.Invalid, "%s", message)
	}
	var env envelope
	switch form {
	case "json":
		env, err = readJSON(r.Body, r.ContentLength)
	case "multipart":
		env, err = readMultipart(r.Body, params["boundary"], e.Upload)
	default:
		env, err = readForm(r.Body)
	}
	if err == nil && len(env.fields) == 0 && env.upload == nil {
		err = fault.New(fault.Invalid, "No data in request: Task aborted!")
	}
	return env, err
}

// readJSON reads a body of that many bytes; -1 when its length is not known.
func readJSON(body io.Reader, size int64) (envelope, error) {
	var data bytes.Buffer
	if size > 0 { // one that grew would be twice as large
		data.Grow(int(size) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(body); err != nil {
		return envelope{}, err
	}
	var env envelope
	return env, web.UnmarshalJSON(data.Bytes(), &env.fields, false)
}

// maxForm bounds an encoded form, which carries no file.
const maxForm = 64 << 20

func readForm(body io.Reader) (envelope, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxForm+1))
	if err != nil {
		return envelope{}, err
	}
	if len(data) > maxForm {
		return envelope{}, fault.New(fault.TooLarge, "the form is larger than %d bytes", maxForm)
	}
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return envelope{}, fault.New(fault.Invalid, "the body is not a form")
	}
	env := envelope{fields: map[string]json.RawMessage{}}
	for name := range values {
		env.fields[name] = asText(values.Get(name))
	}
	return env, nil
}

// maxParts bounds the parts of a multipart body.
const maxParts = 100

func readMultipart(body io.Reader, boundary, upload string) (envelope, error) {
	env := envelope{fields: map[string]json.RawMessage{}}
	reader := multipart.NewReader(body, boundary)
	parts := 0
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return env, nil
		}
		if err != nil {
			return env, bodyFault(err, "the body is not a multipart form")
		}
		if parts++; parts > maxParts {
			return env, fault.New(fault.TooLarge, "the form has more than %d parts", maxParts)
		}
		data, err := io.ReadAll(io.LimitReader(part, maxForm+1))
		switch {
		case err != nil:
			return env, bodyFault(err, "the body ends early")
		case len(data) > maxForm:
			return env, fault.New(fault.TooLarge, "the part %.50s is larger than %d bytes", part.FormName(), maxForm)
		case part.FormName() == upload && upload != "":
			env.upload = data
		case part.FileName() == "":
			env.fields[part.FormName()] = asText(string(data))
		}
	}
}

// bodyFault keeps an error of the connection and words one of the format.
func bodyFault(err error, text string) error {
	if fault.Of(err) != fault.Internal {
		return err
	}
	return fault.New(fault.Invalid, "%s", text)
}

func asText(s string) json.RawMessage {
	data, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return data
}

// unpack returns a member that may be a JSON value or a text that holds one.
func unpack(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		return json.RawMessage(text(raw))
	}
	return raw
}

// documents reads the member documents: a list, or the older object from uid
// to the address of a list of pictures. The older dataset_url is one archive.
func (e envelope) documents() ([]dataset.Document, error) {
	raw := unpack(e.fields["documents"])
	switch {
	case len(raw) == 0 || string(raw) == "null":
		if src := text(e.fields["dataset_url"]); src != "" {
			return []dataset.Document{{Type: dataset.TypeZip, UID: text(e.fields["dataset_id"]), Src: src}}, nil
		}
		return nil, nil
	case raw[0] == '{':
		return olderDocuments(raw)
	}
	var documents []dataset.Document
	if err := web.UnmarshalJSON(raw, &documents, false); err != nil {
		return nil, fault.New(fault.Invalid, "documents: %w", err)
	}
	return documents, nil
}

func olderDocuments(raw json.RawMessage) ([]dataset.Document, error) {
	var documents []dataset.Document
	decoder := json.NewDecoder(bytes.NewReader(raw))
	bad := func(err error) error { return fault.New(fault.Invalid, "documents: %w", err) }
	if _, err := decoder.Token(); err != nil {
		return nil, bad(err)
	}
	for decoder.More() {
		uid, err := decoder.Token()
		if err != nil {
			return nil, bad(err)
		}
		var src string
		if err := decoder.Decode(&src); err != nil {
			return nil, bad(err)
		}
		documents = append(documents, dataset.Document{Type: dataset.TypeURLList, UID: fmt.Sprint(uid), Src: src})
	}
	return documents, nil
}

// parameters returns the member parameters, or every other member when there
// is none.
func (e envelope) parameters() (map[string]json.RawMessage, error) {
	raw := unpack(e.fields["parameters"])
	if len(raw) == 0 || string(raw) == "null" {
		return e.fields, nil
	}
	var parameters map[string]json.RawMessage
	if err := web.UnmarshalJSON(raw, &parameters, false); err != nil {
		return nil, fault.New(fault.Invalid, "parameters: %w", err)
	}
	return parameters, nil
}
