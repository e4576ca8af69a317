package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

// form starts one endpoint of an app.
type form struct {
	Title, Path, Action string
	// Documents says whether addresses are asked for, Upload names the field
	// of a picture; empty without.
	Documents, Required bool
	Upload              string
	Type, Sources       string // as they stand in the form
	Types               []string
	Fields              []field
}

// field asks for one parameter.
type field struct {
	// Name is the parameter's; ID tells it from those of other forms.
	Name, ID, Label, Hint string
	// Kind is text, number, tick, select or several.
	Kind     string
	Value    string
	Ticked   bool
	Required bool
	Min, Max string
	Options  []option
}

type option struct {
	Value, Text string
	Chosen      bool
}

// parameterPrefix sets parameters apart from the form's other fields.
const parameterPrefix = "p."

func documentTypes() []string {
	return []string{dataset.TypeZip, dataset.TypeIIIF, dataset.TypePDF, dataset.TypeURLList, dataset.TypeImage}
}

// form makes the form of an endpoint, filled in with what the address says.
func (p *pages) form(l *ui.Locale, app *demos.App, e *manifest.Endpoint, given url.Values) (form, error) {
	out := form{
		Title: endpointTitle(l, e), Path: e.Path, Action: appHref(app.Name) + "/start", Documents: e.Documents != manifest.Never,
		Required: e.Documents == manifest.Required, Upload: e.Upload, Types: documentTypes(),
		Type: cmp.Or(given.Get("type"), dataset.TypeZip), Sources: given.Get("src"),
	}
	for _, parameter := range e.Parameters {
		one, err := p.field(l, app, e, parameter, given)
		if err != nil {
			return form{}, err
		}
		out.Fields = append(out.Fields, one)
	}
	return out, nil
}

func (p *pages) field(l *ui.Locale, app *demos.App, e *manifest.Endpoint, parameter manifest.Parameter, given url.Values) (field, error) {
	out := field{
		Name: parameterPrefix + parameter.Name, ID: strings.Trim(e.Path+"-"+parameter.Name, "/-"), Hint: parameter.Desc,
		Label: strings.ReplaceAll(parameter.Name, "_", " "), Kind: "text", Required: parameter.Required, Value: written(parameter.Default),
	}
	if l.Has("demos.parameter." + parameter.Name) {
		out.Label = l.T("demos.parameter." + parameter.Name)
	}
	if l.Has("demos.hint." + parameter.Name) {
		out.Hint = l.T("demos.hint." + parameter.Name)
	}
	if value := given.Get(parameter.Name); value != "" {
		out.Value = value
	}
	var texts []option
	switch {
	case parameter.Stem && e.Models != nil:
		models, err := p.service.Models(app, e)
		if err != nil {
			return out, err
		}
		for _, model := range models {
			texts = append(texts, option{Value: model.Stem, Text: model.Name})
		}
	case parameter.Name == "compare_to" && app.Manifest.Sources != "":
		sources, err := p.service.Sources(app)
		if err != nil {
			return out, err
		}
		texts = append(texts, option{Text: l.T("demos.compare_nothing")})
		for _, source := range sources {
			texts = append(texts, option{Value: source.UID, Text: sourceName(source)})
		}
	case len(parameter.Enum) > 0:
		for _, value := range parameter.Enum {
			texts = append(texts, option{Value: value, Text: turnName(l, value)})
		}
	}
	out.choose(parameter, texts)
	return out, nil
}

// choose settles how the field is asked for.
func (f *field) choose(parameter manifest.Parameter, options []option) {
	chosen := []string{f.Value}
	if parameter.Type == "list" {
		chosen = strings.Split(f.Value, ",")
	}
	for i := range options {
		options[i].Chosen = slices.Contains(chosen, options[i].Value)
	}
	f.Options = options
	switch {
	case len(options) > 0 && parameter.Type == "list":
		f.Kind = "several"
	case len(options) > 0:
		f.Kind = "select"
	case parameter.Type == "boolean":
		f.Kind, f.Ticked = "tick", f.Value == "true"
	case parameter.Type == "integer", parameter.Type == "number":
		f.Kind = "number"
		if parameter.Min != nil {
			f.Min = fmt.Sprint(*parameter.Min)
		}
		if parameter.Max != nil {
			f.Max = fmt.Sprint(*parameter.Max)
		}
	}
}

// written is a value as a field shows it.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = fmt.Sprint(one)
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(v)
	}
}

// sourceName is what a collection calls itself.
func sourceName(source demos.Source) string {
	var metadata struct{ Name string }
	if json.Unmarshal(source.Metadata, &metadata) != nil || metadata.Name == "" {
		return source.UID
	}
	return metadata.Name
}

// maxSources bounds the addresses of one form.
const maxSources = 200

// start queues the task that a form describes and opens its page.
func (p *pages) start(w http.ResponseWriter, r *http.Request) error {
	app, err := p.service.App(r.PathValue("app"))
	if err != nil {
		return err
	}
	if err := r.ParseMultipartForm(1 << 20); err != nil { //nolint:gosec // G120: the route's MaxBody bounds it
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }() // the process's temporary files
	endpoint, ok := app.Endpoint(r.PostForm.Get("endpoint"))
	if !ok {
		return fault.New(fault.NotFound, "the app %s has no %.40q", app.Name, r.PostForm.Get("endpoint"))
	}
	in := demos.Start{BaseURL: web.BaseURL(r.Context(), r.Host), Parameters: map[string]json.RawMessage{}}
	if in.Documents, err = documents(r.PostForm); err != nil {
		return err
	}
	for _, parameter := range endpoint.Parameters {
		if err := parameterOf(r.PostForm, parameter, in.Parameters); err != nil {
			return err
		}
	}
	if endpoint.Upload != "" {
		if in.Upload, err = p.uploaded(r, endpoint.Upload); err != nil {
			return err
		}
	}
	task, err := p.service.Start(r.Context(), app, endpoint, in)
	if err != nil {
		return err
	}
	ui.Redirect(w, r, taskHref(task.ID), "")
	return nil
}

// documents reads the addresses of a form, one in a line.
func documents(form url.Values) ([]dataset.Document, error) {
	var out []dataset.Document
	for line := range strings.Lines(form.Get("src")) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, dataset.Document{Type: form.Get("type"), Src: line})
		}
	}
	if len(out) > maxSources {
		return nil, fault.New(fault.TooLarge, "%d addresses are more than %d", len(out), maxSources)
	}
	return out, nil
}

// parameterOf reads one parameter of a form. A box that is not ticked says
// false; an empty field leaves the default.
func parameterOf(form url.Values, parameter manifest.Parameter, into map[string]json.RawMessage) error {
	values := form[parameterPrefix+parameter.Name]
	var value any
	switch {
	case parameter.Type == "boolean":
		value = len(values) > 0
	case parameter.Type == "list" && len(parameter.Enum) > 0:
		value = values
		if len(values) == 0 {
			return nil
		}
	case len(values) == 0 || values[0] == "":
		return nil
	default:
		value = values[0]
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode parameter %s: %w", parameter.Name, err)
	}
	into[parameter.Name] = text
	return nil
}

// uploaded reads the picture of a form.
func (p *pages) uploaded(r *http.Request, name string) ([]byte, error) {
	file, _, err := r.FormFile(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "choose a picture")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPicture+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the picture cannot be read: %w", err)
	}
	if len(data) > maxPicture {
		return nil, fault.New(fault.TooLarge, "the picture is larger than %d MiB", maxPicture>>20)
	}
	return data, nil
}
