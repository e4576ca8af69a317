package pages_test

import (
	"bytes"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/pages"
)

func TestSelectedEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		form, asked string
		status      int
	}{
		{"act=delete&id=p1&id=theirs&id=p2", "delete picture p1; delete picture theirs", http.StatusForbidden},
		{"act=delete", "", http.StatusBadRequest},
		{"act=burn&id=p1", "", http.StatusBadRequest},
		{"act=delete" + strings.Repeat("&id=x", 121), "", http.StatusRequestEntityTooLarge},
	} {
		f := &fake{rights: everything()}
		r := httptest.NewRequest(http.MethodPost, "/console/vision/folders/f1/selected", strings.NewReader(tc.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := serve(site(t, f), r, identity.Member)
		if got := strings.Join(f.asked, "; "); w.Code != tc.status || got != tc.asked {
			t.Errorf("POST selected %.40s = %d asking %q, want %d asking %q", tc.form, w.Code, got, tc.status, tc.asked)
		}
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	f := &fake{empty: true}
	w := serve(site(t, f), httptest.NewRequest(http.MethodPost, "/console/vision/sample", nil), identity.Member)
	if got := strings.Join(f.asked, "; "); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/vision/pictures/p1" ||
		got != "upload f1 granary-sample.png; classify p1 Granary" {
		t.Errorf("POST sample = %d to %q asking %q, want the picture stored, classified and opened", w.Code, w.Header().Get("Location"), got)
	}
	if len(f.uploaded) != 1 || !bytes.HasPrefix(f.uploaded[0], []byte("\x89PNG")) {
		t.Error("the sample is no PNG")
	}
	f = &fake{empty: true, unnamed: fault.New(fault.Unavailable, "the model is down")}
	if w := serve(site(t, f), httptest.NewRequest(http.MethodPost, "/console/vision/sample", nil), identity.Member); w.Code != http.StatusServiceUnavailable {
		t.Errorf("POST sample with the model down = %d, want 503", w.Code)
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	post := func(f *fake, data []byte) *httptest.ResponseRecorder {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		if data != nil {
			part, err := form.CreateFormFile("file", "tray <1>.png")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/console/vision/pipelines/1/try", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		return serve(site(t, f), r, identity.Admin)
	}
	f := &fake{}
	w := post(f, drawing(t))
	page := w.Body.String()
	for _, want := range []string{
		`<image href="data:image/jpeg;base64,`, `viewBox="0 0 400 200"`, `x="5" y="6" width="20" height="30"`, "Avena &lt;fatua&gt;",
		"1 object in tray &lt;1&gt;.png", `href="/console/vision/pipelines/1?sort=created_at"`,
	} {
		if w.Code != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("POST try = %d without %q:\n%s", w.Code, want, page)
		}
	}
	if strings.Join(f.asked, "; ") != "try Granary" {
		t.Errorf("POST try asked %q, want the trial and nothing stored", f.asked)
	}
	for name, tc := range map[string]struct {
		f      *fake
		data   []byte
		status int
		want   string
	}{
		"no file":         {&fake{}, nil, http.StatusBadRequest, "choose a picture"},
		"a large file":    {&fake{}, make([]byte, 64<<10+1), http.StatusRequestEntityTooLarge, "Nothing was stored."},
		"a model is down": {&fake{refuse: fault.New(fault.Unavailable, "model swin cannot be reached")}, drawing(t), http.StatusServiceUnavailable, "model swin cannot be reached"},
	} {
		if w := post(tc.f, tc.data); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) || !strings.Contains(w.Body.String(), "Try it on a picture") {
			t.Errorf("POST try with %s = %d, want %d with %q on the same page:\n%s", name, w.Code, tc.status, tc.want, w.Body)
		}
	}
}

func TestEveryErrorHasATextInBothLanguages(t *testing.T) {
	t.Parallel()
	kit, err := ui.New(ui.Config{Logger: slog.New(slog.DiscardHandler)}, pages.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range pages.Bundle().Errors {
		for _, language := range ui.Languages() {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Language", language)
			l := kit.Locale(r)
			e := kit.Explain(l, known.Err)
			if !l.Has(known.Key) || e.Message != l.T(known.Key) || e.Detail != "" || e.Title == "" || e.Advice == "" {
				t.Errorf("Explain(%v) in %s = %+v, want its own text, a title and an advice", known.Err, language, e)
			}
		}
	}
	french := httptest.NewRequest(http.MethodGet, "/", nil)
	french.Header.Set("Accept-Language", "fr")
	e := kit.Explain(kit.Locale(french), ui.Kept(vision.ErrNotOwner, "selected.kept_deleted", 2, 5))
	if e.Message != "Ceci appartient à quelqu’un d’autre." || !strings.HasPrefix(e.Kept, "2 des 5 images") {
		t.Errorf("Explain = %+v, want the French text and what was kept", e)
	}
}
