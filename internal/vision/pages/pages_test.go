package pages_test

import (
	"bytes"
	"encoding/json"
	"image"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/pages"
)

func TestPages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		path     string
		role     identity.Role
		rights   vision.Rights
		empty    bool
		status   int
		want     []string
		unwanted []string
	}{
		{
			name: "folders count what waits", path: "/console/vision", status: 200,
			want: []string{"Trial &lt;1&gt;", "2 pictures", "1 to review", "/pictures/p1/thumb?size=176"}, unwanted: []string{"Trial <1>"},
		},
		{name: "a member has no choice of owners", path: "/console/vision", status: 200, want: []string{"New folder"}, unwanted: []string{`name="owner"`}},
		{name: "a member asks for somebody else's folders", path: "/console/vision?owner=u2", status: 403},
		{name: "a steward chooses the owner", path: "/console/vision?owner=u2", role: identity.Steward, status: 200, want: []string{`<option value="u2" selected>grace@lab.example (3/7)`}, unwanted: []string{"New folder"}},
		{
			name: "a folder shows thumbnails with their size and state", path: "/console/vision/folders/f1", rights: everything(), status: 200,
			want:     []string{`loading="lazy"`, `width="40" height="20"`, "tray &lt;1&gt;.png", "s-waiting", "s-verified", `id="upload"`, "/folders/f1/delete", "64\u00a0KiB"},
			unwanted: []string{`C:\seeds`},
		},
		{
			name: "a steward may review but not upload", path: "/console/vision/folders/f1", role: identity.Steward, rights: vision.Rights{Review: true}, status: 200,
			want: []string{"Start reviewing"}, unwanted: []string{`id="upload"`, "/delete", "/rename"},
		},
		{name: "an empty folder says how to fill it", path: "/console/vision/folders/f1", rights: everything(), empty: true, status: 200, want: []string{"No pictures yet"}, unwanted: []string{"Start reviewing"}},
		{name: "an unknown folder", path: "/console/vision/folders/none", status: 404, want: []string{"picture set not found"}},
		{
			name: "a picture with its boxes as the client counted them", path: "/console/vision/pictures/p1", rights: everything(), status: 200,
			want: []string{
				`viewBox="0 0 80 40"`, `data-box="b1" data-state="waiting"`, `data-box="b2" data-state="corrected"`, `data-box="b3" data-state="rejected"`,
				`x="1" y="2" width="10" height="20"`, "Lolium &lt;i&gt;", `id="next" href="/console/vision/pictures/p2"`, `value="confirm"`, `value="reopen"`, "<b>2</b> / 3",
			},
			unwanted: []string{"Lolium <i>", `id="previous"`},
		},
		{
			name: "a picture nobody asked about", path: "/console/vision/pictures/p2", rights: everything(), status: 200,
			want: []string{"Nothing was asked", `viewBox="0 0 40 20"`, "/pictures/p2/classify"}, unwanted: []string{"data-box", `data-judge="/`},
		},
		{
			name: "without rights nothing is offered", path: "/console/vision/pictures/p1", status: 200,
			unwanted: []string{`value="confirm"`, `value="reopen"`, "/delete", "/classify", `data-act="draw"`},
		},
		{name: "somebody else's picture", path: "/console/vision/pictures/theirs", status: 403, want: []string{"this belongs to someone else"}, unwanted: []string{"<svg"}},
		{name: "seeds are searched", path: "/console/vision/seeds?q=LOL", status: 200, want: []string{"Lolium temulentum"}, unwanted: []string{"Brassica", "Add seeds"}},
		{name: "stewards add seeds", path: "/console/vision/seeds", role: identity.Steward, status: 200, want: []string{"Add seeds"}},
		{name: "no such seed", path: "/console/vision/seeds?q=zzz", status: 200, want: []string{"No seed has that name"}},
		{name: "pipelines for a member", path: "/console/vision/pipelines", status: 200, want: []string{"Granary", "Swin", "<strong>find</strong>"}, unwanted: []string{"Make default"}},
		{name: "pipelines for an admin", path: "/console/vision/pipelines", role: identity.Admin, status: 200, want: []string{"Make default"}},
		{
			name: "models show the active version", path: "/console/vision/models", role: identity.Admin, status: 200,
			want: []string{"Version 2", "90.0%", `class="dot off"`, `class="dot on"`, "Brassica napus → Lolium temulentum", "/models/1/activate", "/models/rollback", "Version 2 in detail"}, unwanted: []string{"/models/2/activate"},
		},
		{name: "one version in detail", path: "/console/vision/models?version=1", status: 200, want: []string{"Version 1 in detail"}, unwanted: []string{"/activate", "/rollback", "/retrain"}},
		{name: "no model yet", path: "/console/vision/models", role: identity.Steward, empty: true, status: 200, want: []string{"Nothing learned yet", "/models/retrain"}},
		{
			name: "a folder as a list sorts and comes as a file", path: "/console/vision/folders/f1?view=list&sort=-name", rights: everything(), status: 200,
			want: []string{`aria-sort="descending"`, `form="picked"`, "format=csv&amp;sort=-name&amp;view=list", `href="/console/vision/folders/f1?sort=-name"`, `id="picked"`},
		},
		{name: "a folder as a file", path: "/console/vision/folders/f1?format=csv", status: 200, want: []string{"name,state,uploaded_at,size_bytes,width,height,id\ntray <1>.png,waiting,2026-11-21T12:00:00Z,300,40,20,p1"}},
		{name: "who may not manage ticks nothing", path: "/console/vision/folders/f1", rights: vision.Rights{Review: true}, status: 200, unwanted: []string{`form="picked"`, `id="picked"`}},
		{
			name: "a picture lists its answers and who judged them", path: "/console/vision/pictures/p1", rights: everything(), status: 200,
			want: []string{`<option value="i1" selected>`, `<option value="i0">`, "Record of judgements: 2", "rejected", `class="undone"`, "&lt;grace&gt;@lab.example", "version 1"},
		},
		{
			name: "an earlier answer is there to read", path: "/console/vision/pictures/p1?inference=i0", rights: everything(), status: 200,
			want: []string{"An earlier result", `<option value="i0" selected>`}, unwanted: []string{`value="confirm"`, "/judge/", `data-act="draw"`},
		},
		{name: "an answer of another picture", path: "/console/vision/pictures/p1?inference=zz", rights: everything(), status: 404},
		{
			name: "a member sees no health", path: "/console/vision/pipelines?check=1", status: 200,
			want: []string{"Not checked"}, unwanted: []string{"hx-trigger", "503"},
		},
		{name: "health is asked for when the page is there", path: "/console/vision/pipelines", role: identity.Steward, status: 200, want: []string{`hx-trigger="load"`, "Not checked"}},
		{
			name: "health with its reason", path: "/console/vision/pipelines?check=1", role: identity.Steward, status: 200,
			want: []string{"s-unready", "not ready", "status 503", "every 15s"}, unwanted: []string{"canary"},
		},
		{
			name: "a pipeline", path: "/console/vision/pipelines/1", role: identity.Admin, status: 200,
			want: []string{"granary-detector", "<strong>find</strong>", "/pictures/p1?inference=i1", "/pipelines/1/try"}, unwanted: []string{"canary"},
		},
		{name: "a pipeline for a member", path: "/console/vision/pipelines/1", status: 200, want: []string{"Recent results"}, unwanted: []string{"/try", "canary"}},
		{name: "a pipeline that said nothing yet", path: "/console/vision/pipelines/2", status: 200, want: []string{"No results yet"}},
		{name: "no such pipeline", path: "/console/vision/pipelines/9", status: 404},
		{name: "models as a file", path: "/console/vision/pipelines?format=csv", status: 200, want: []string{"granary-detector,Granary,"}, unwanted: []string{"canary"}},
		{name: "model versions as a file", path: "/console/vision/models?format=csv&sort=accuracy", status: 200, want: []string{"version,state,accuracy,examples", "3,rejected,0.7,30"}},
		{name: "the confusion matrix as a file", path: "/console/vision/models?format=confusion&version=1", status: 200, want: []string{"expert,Brassica napus,Lolium temulentum,recall\nBrassica napus,10,0,1\n"}},
		{name: "seeds as a file under the same search", path: "/console/vision/seeds?q=lol&format=csv", status: 200, want: []string{"Lolium"}, unwanted: []string{"Brassica"}},
		{name: "an unknown export", path: "/console/vision/export/xml", status: 404},
		{name: "a thumbnail of another size", path: "/console/vision/pictures/p1/thumb?size=5000", status: 400},
		{name: "somebody else's thumbnail", path: "/console/vision/pictures/theirs/thumb?size=176", status: 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.role == "" {
				tc.role = identity.Member
			}
			w := serve(site(t, &fake{rights: tc.rights, empty: tc.empty}), httptest.NewRequest(http.MethodGet, tc.path, nil), tc.role)
			body := w.Body.String()
			if w.Code != tc.status {
				t.Errorf("GET %s = %d, want %d", tc.path, w.Code, tc.status)
			}
			for _, want := range tc.want {
				if !strings.Contains(body, want) {
					t.Errorf("GET %s lacks %q:\n%s", tc.path, want, body)
				}
			}
			for _, unwanted := range tc.unwanted {
				if strings.Contains(body, unwanted) {
					t.Errorf("GET %s contains %q", tc.path, unwanted)
				}
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const at = `"Rect":{"topX":1,"topY":2,"bottomX":11,"bottomY":22}`
	for _, tc := range []struct {
		name, form, asked string
		status            int
	}{
		{"confirm", "act=confirm&box=b1", "confirm i1 b1", 200},
		{"pick a guess where the box lies", "seed=s2&box=b1", `correct i1 {"BoxID":"b1","SeedID":"s2","SeedName":"",` + at + `,"Comment":""}`, 200},
		{"another name", "act=correct&box=b1&name=+Zizania+", `correct i1 {"BoxID":"b1","SeedID":"","SeedName":"Zizania",` + at + `,"Comment":""}`, 200},
		{"reject", "act=reject&box=b1", `correct i1 {"BoxID":"b1","SeedID":"","SeedName":"",` + at + `,"Comment":""}`, 200},
		{"move", "act=move&box=b1&x=1.5&y=2&w=3&h=4", `move i1 b1 {"topX":1.5,"topY":2,"bottomX":4.5,"bottomY":6}`, 200},
		{"draw", "act=draw&name=Zizania&x=1&y=2&w=3&h=4", `draw i1 Zizania {"topX":1,"topY":2,"bottomX":4,"bottomY":6}`, 200},
		{"reopen", "act=reopen&box=b2", "reopen i1 b2", 200},
		{"undo", "act=undo", "undo i1", 200},
		{"a correction without a name never rejects", "act=correct&box=b1&name=+", "", 400},
		{"an empty act never rejects", "box=b1", "", 400},
		{"a rectangle of words", "act=move&box=b1&x=a&y=2&w=3&h=4", "", 400},
		{"a box of another picture", "act=reject&box=zz", "", 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{rights: everything()}
			r := httptest.NewRequest(http.MethodPost, "/console/vision/pictures/p1/judge/i1", strings.NewReader(tc.form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("HX-Request", "true")
			w := serve(site(t, f), r, identity.Member)
			if got := strings.Join(f.asked, "; "); w.Code != tc.status || got != tc.asked {
				t.Errorf("POST judge %s = %d asking %q, want %d asking %q", tc.form, w.Code, got, tc.status, tc.asked)
			}
			if tc.status == http.StatusOK && (!strings.Contains(w.Body.String(), `id="marks"`) || strings.Contains(w.Body.String(), "<html")) {
				t.Errorf("POST judge %s answers no fragment:\n%s", tc.form, w.Body)
			}
		})
	}
}

func TestJudgeWithoutScriptReturnsToThePicture(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/console/vision/pictures/p1/judge/i1", strings.NewReader("act=undo"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := serve(site(t, &fake{rights: everything()}), r, identity.Member)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/vision/pictures/p1" {
		t.Errorf("POST judge = %d to %q, want 303 to the picture", w.Code, w.Header().Get("Location"))
	}
}

func TestStaleJudgementIsRefused(t *testing.T) {
	t.Parallel()
	f := &fake{rights: everything()}
	r := httptest.NewRequest(http.MethodPost, "/console/vision/pictures/p1/judge/older", strings.NewReader("act=reject&box=b1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := serve(site(t, f), r, identity.Member); w.Code != http.StatusConflict || len(f.asked) > 0 {
		t.Errorf("POST judge of an older inference = %d asking %v, want 409 asking nothing", w.Code, f.asked)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ path, form, asked, location string }{
		{"/console/vision/folders", "name=+New+", "create New", "/console/vision/folders/f1"},
		{"/console/vision/folders/f1/delete", "", "delete f1", "/console/vision?done=folders.deleted"},
		{"/console/vision/pictures/p2/classify", "pipeline=Swin", "classify p2 Swin", "/console/vision/pictures/p2"},
		{"/console/vision/folders/f1/selected", "act=delete&id=p1&id=p2", "delete picture p1; delete picture p2", "/console/vision/folders/f1?count=2&done=selected.deleted"},
		{"/console/vision/folders/f1/selected", "act=classify&pipeline=Swin&id=p1", "classify p1 Swin", "/console/vision/folders/f1?count=1&done=selected.classified"},
		{"/console/vision/seeds", "names=" + url.QueryEscape(" A \r\n\r\nB"), "seeds A|B", "/console/vision/seeds?done=seeds.added"},
		{"/console/vision/pipelines/default", "name=Swin", "default Swin", "/console/vision/pipelines?done=pipelines.saved"},
		{"/console/vision/models/retrain", "", "retrain", "/console/jobs/j1"},
		{"/console/vision/models/1/activate", "", "activate 1", "/console/vision/models?done=models.activated"},
		{"/console/vision/models/rollback", "", "rollback", "/console/vision/models?done=models.rolled_back"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			f := &fake{rights: everything()}
			post := func() *httptest.ResponseRecorder {
				r := httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader(tc.form))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				return serve(site(t, f), r, identity.Admin)
			}
			w := post()
			if got := strings.Join(f.asked, "; "); w.Code != http.StatusSeeOther || w.Header().Get("Location") != tc.location || got != tc.asked {
				t.Errorf("POST %s = %d to %q asking %q, want 303 to %q asking %q", tc.path, w.Code, w.Header().Get("Location"), got, tc.location, tc.asked)
			}
			f.refuse = fault.New(fault.Forbidden, "not for you")
			if w := post(); w.Code != http.StatusForbidden {
				t.Errorf("refused POST %s = %d, want 403", tc.path, w.Code)
			}
		})
	}
}

func upload(t *testing.T, f *fake, accept string, fields, files map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		part, err := form.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/console/vision/folders/f1/pictures", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Accept", accept)
	return serve(site(t, f), r, identity.Member)
}

func TestUpload(t *testing.T) {
	t.Parallel()
	f := &fake{}
	w := upload(t, f, "application/json", map[string]string{"pipeline": "Granary", "classify": "1"}, map[string]string{"a.png": "bytes"})
	var answer struct {
		PictureID string `json:"picture_id"`
		Href      string `json:"href"`
		Boxes     *int   `json:"boxes"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Boxes == nil || *answer.Boxes != 3 || answer.Href != "/console/vision/pictures/p1" {
		t.Errorf("upload = %d %s, want the picture with 3 boxes", w.Code, w.Body)
	}
	if got := strings.Join(f.asked, "; "); got != "upload f1 a.png; classify p1 Granary" || string(f.uploaded[0]) != "bytes" {
		t.Errorf("upload asked %q with %q, want an upload of bytes, then classify", got, f.uploaded)
	}
	if w := upload(t, &fake{}, "text/html", nil, map[string]string{"a.png": "x", "b.png": "y"}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/vision/folders/f1?done=upload.stored" {
		t.Errorf("upload by form = %d to %q, want 303 to the folder", w.Code, w.Header().Get("Location"))
	}
	down := fault.New(fault.Unavailable, "the model is down")
	fields, files := map[string]string{"classify": "1"}, map[string]string{"a.png": "x"}
	if w := upload(t, &fake{unnamed: down}, "application/json", fields, files); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"problem":"the model is down"`) {
		t.Errorf("upload with the model down = %d %s, want 200: the picture is stored", w.Code, w.Body)
	}
	if w := upload(t, &fake{unnamed: down}, "text/html", fields, files); !strings.HasSuffix(w.Header().Get("Location"), "done=upload.unnamed") {
		t.Errorf("upload by form with the model down leads to %q, want a notice", w.Header().Get("Location"))
	}
	for _, tc := range []struct {
		name   string
		files  map[string]string
		refuse error
		status int
	}{
		{"nothing", nil, nil, http.StatusBadRequest},
		{"a file over the limit", map[string]string{"big.png": strings.Repeat("x", 64<<10+1)}, nil, http.StatusRequestEntityTooLarge},
		{"a refused file", map[string]string{"a.png": "x"}, fault.New(fault.Invalid, "no picture"), http.StatusBadRequest},
	} {
		if w := upload(t, &fake{refuse: tc.refuse}, "application/json", nil, tc.files); w.Code != tc.status {
			t.Errorf("upload of %s = %d, want %d", tc.name, w.Code, tc.status)
		}
	}
}

func TestThumbnailsAndViews(t *testing.T) {
	t.Parallel()
	handler := site(t, &fake{})
	get := func(path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		return serve(handler, r, identity.Member)
	}
	for range 2 { // the second one comes from memory
		w := get("/console/vision/pictures/p1/thumb?size=176", "")
		config, format, err := image.DecodeConfig(w.Body)
		if err != nil || format != "jpeg" || config.Width != 176 || config.Height != 88 {
			t.Errorf("thumb = %v %s %v, want a JPEG of 176 × 88", config, format, err)
		}
		if got := w.Header().Get("Cache-Control"); !strings.HasPrefix(got, "private, ") {
			t.Errorf("Cache-Control of a thumb = %q, want it private", got)
		}
	}
	if w := get("/console/vision/pictures/p1/view", ""); w.Header().Get("Content-Type") != "image/png" || !bytes.Equal(w.Body.Bytes(), drawing(t)) {
		t.Errorf("view = %s of %d bytes, want the PNG itself", w.Header().Get("Content-Type"), w.Body.Len())
	}
	if w := get("/console/vision/pictures/p1/view", `"abc"`); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("view of a known picture = %d with %d bytes, want 304 with none", w.Code, w.Body.Len())
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	w := serve(site(t, &fake{}), httptest.NewRequest(http.MethodGet, "/console/vision/export/csv", nil), identity.Member)
	if w.Body.String() != "data in csv" || w.Header().Get("Content-Disposition") != `attachment; filename="granary-boxes.csv"` {
		t.Errorf("export = %q %v, want the data as a file", w.Body, w.Header())
	}
	w = serve(site(t, &fake{refuse: fault.New(fault.Unavailable, "later")}), httptest.NewRequest(http.MethodGet, "/console/vision/export/csv", nil), identity.Member)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("failed export = %d %v, want 503 and no file", w.Code, w.Header())
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	section := pages.New(pages.Config{Service: &fake{t: t}})
	kit, err := ui.New(ui.Config{Logger: slog.New(slog.DiscardHandler)}, section.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	l := kit.Locale(httptest.NewRequest(http.MethodGet, "/", nil))
	ctx := identity.With(t.Context(), identity.Principal{UserID: "u1"})
	for query, want := range map[string]string{
		"LOLIUM": "/console/vision/seeds?q=Lolium+temulentum",
		"trial":  "/console/vision/folders/f1",
		"swin":   "/console/vision/pipelines/2",
		"p2":     "/console/vision/pictures/p2",
		"theirs": "",
		"zzz":    "",
	} {
		hits, err := section.Search(ctx, l, query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, hit := range hits {
			got = append(got, hit.Href)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("Search(%q) = %v, want %q", query, got, want)
		}
	}
}

func TestCards(t *testing.T) {
	t.Parallel()
	f := &fake{t: t}
	section := pages.New(pages.Config{Service: f})
	kit, err := ui.New(ui.Config{Logger: slog.New(slog.DiscardHandler)}, section.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	ctx := identity.With(t.Context(), identity.Principal{UserID: "u1"})
	cards, err := section.Cards(ctx, kit.Locale(httptest.NewRequest(http.MethodGet, "/", nil)))
	if err != nil || len(cards) != 3 {
		t.Fatalf("Cards = %d cards, %v, want 3", len(cards), err)
	}
	if cards[1].Figure != "1" || cards[1].Href != "/console/vision/pictures/p1" || cards[2].Figure != "90.0%" {
		t.Errorf("Cards = %+v, want one picture that waits and an accuracy of 90.0%%", cards)
	}
}
