package acceptance

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/test/harness"
)

// TestDemo runs the whole loop once, as make run begins.
func TestDemo(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	result := store.Try(t, "demo", "--once", "--samples", filepath.Join(store.Folder, "none"))
	if result.Code != 0 {
		t.Fatalf("granary demo --once = %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	for _, want := range []string{`before any feedback: +\d+ of \d+ seeds found`, `after it: +\d+ of \d+ seeds found, (9\d|100) %`, `# +label +score +box`, `(?m)^ +1 +\S+ +[01]\.\d\d +\d+,\d+`} {
		if !regexp.MustCompile(want).MatchString(result.Stdout) {
			t.Errorf("the report does not match %s:\n%s", want, result.Stdout)
		}
	}
	path := regexp.MustCompile(`annotated picture: (\S+\.png)`).FindStringSubmatch(result.Stdout)
	if path == nil {
		t.Fatalf("the report names no annotated picture:\n%s", result.Stdout)
	}
	if data, err := os.ReadFile(path[1]); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("the annotated picture: %v, begins %.8q", err, data)
	}
	if got := store.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
		t.Errorf("granary check = %q, want all is sound", got)
	}
}

// TestBackup moves a deployment to an empty store and gets the same answers.
func TestBackup(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, store harness.Store) {
		t.Helper()
		w := &world{models: harness.NewModels(t), drawer: &harness.Drawer{}}
		env := []string{"NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL=" + origin}
		store = store.With(env...)
		id := store.Command(t, "user", "create", "--email", "kim@lab.example")
		store.Command(t, "pipeline", "import", store.Write(t, "pipelines.json", w.models.LegacyFile(t, swin, "sealed-key", nil)))
		w.server = harness.Start(t, store)
		w.page = harness.NewClient(w.server.URL, origin)
		v := &visitor{w: w, page: w.page, id: id}
		first := v.classify(t, v.create(t, "kept"))
		rebuilt(t, v.positive(t, first.ID, first.Boxes[0].ID))
		rebuilt(t, v.negative(t, first.ID, first.Boxes[1].judged("", "")))
		v.page.Post(t, "/upload-picture", v.upload(v.session(t, 2, "batch"), w.drawer.PNG(t))).OK(t, nil)
		answers := func(v *visitor) (list []string) {
			list = append(list, string(v.page.Post(t, "/get-directories", fields{"container_name": id}).OK(t, nil).Body))
			for _, f := range v.folders(t) {
				for _, p := range f.Pictures {
					list = append(list, string(v.page.Post(t, "/get-picture", fields{"container_name": id, "picture_id": p.ID}).OK(t, nil).Body))
				}
			}
			for _, path := range []string{"/seeds", "/model-endpoints-metadata"} {
				list = append(list, string(v.page.Get(t, path).OK(t, nil).Body))
			}
			return list
		}
		want := answers(v)
		folder := filepath.Join(store.Folder, "backup")
		store.Command(t, "backup", folder) // while the server runs
		v.classify(t, "General")           // what comes later is not in it
		w.server.Stop(t)

		// Into the other kind of store where there is one, else the same kind.
		target := harness.Local(t).With(env...)
		target.Command(t, "restore", folder)
		key, err := os.ReadFile(filepath.Join(store.Folder, "secret.key"))
		if err != nil {
			t.Fatal(err)
		}
		target.Write(t, "secret.key", key)
		if got := target.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
			t.Errorf("granary check = %q, want all is sound", got)
		}
		restored := harness.Start(t, target)
		again := &visitor{w: w, page: harness.NewClient(restored.URL, origin), id: id}
		if diff := cmp.Diff(want, answers(again)); diff != "" {
			t.Errorf("answers after the restore (-want +got):\n%s", diff)
		}
		again.classify(t, "General")
		if got := w.models.Calls("detector"); got[len(got)-1].Header.Get("Authorization") != "Bearer sealed-key" {
			t.Errorf("the restored key is sent as %q", got[len(got)-1].Header.Get("Authorization"))
		}
		if result := target.Try(t, "restore", folder); result.Code == 0 {
			t.Error("a restore over data succeeded, want a refusal")
		}
	})
}

// TestLoopback listens nowhere else until somebody can be identified.
func TestLoopback(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	for _, wide := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		server := harness.Start(t, store, "--listen", wide)
		if !strings.HasPrefix(server.URL, "http://127.0.0.1:") {
			t.Errorf("serve --listen %s is at %s, want loopback", wide, server.URL)
		}
		if len(server.LogLines("listening on loopback only", wide)) != 1 {
			t.Errorf("serve --listen %s does not say why it is on loopback:\n%s", wide, server.Log())
		}
		server.Stop(t)
	}
	// Somebody who cannot sign in is nobody yet.
	store.Command(t, "user", "create", "--email", "kim@lab.example")
	nobody := harness.Start(t, store, "--listen", "0.0.0.0:0")
	if !strings.HasPrefix(nobody.URL, "http://127.0.0.1:") {
		t.Errorf("with an account that cannot sign in serve --listen 0.0.0.0:0 is at %s, want loopback", nobody.URL)
	}
	nobody.Stop(t)
	store.With("GRANARY_NEW_PASSWORD="+plantedPassword).Command(t, "user", "create", "--email", "admin@lab.example", "--role", "admin")
	server := harness.Start(t, store, "--listen", "0.0.0.0:0")
	if !strings.HasPrefix(server.URL, "http://localhost:") || len(server.LogLines("loopback only")) != 0 {
		t.Errorf("with an account serve --listen 0.0.0.0 is at %s, want every address:\n%s", server.URL, server.Log())
	}
}

// TestRefusedStarts end with a message and an exit code, not with a server.
func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	taken := harness.Start(t, store)
	address := strings.TrimPrefix(taken.URL, "http://")
	for name, tc := range map[string]struct {
		store harness.Store
		args  []string
		says  string
	}{
		"unknown key":     {store.With("GRANARY_NO_SUCH_KEY=1"), nil, "GRANARY_NO_SUCH_KEY"},
		"taken address":   {harness.Local(t), []string{"--listen", address}, "address already in use"},
		"no pipeline":     {store.With("GRANARY_VISION_PIPELINES_FILES=/no/such/file.json"), nil, "/no/such/file.json"},
		"no database":     {store.With("GRANARY_DATABASE_URL=postgres://nobody@127.0.0.1:1/none?connect_timeout=2"), nil, "granary:"},
		"unknown service": {store, []string{"--services", "coffee"}, "coffee"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := tc.store.Try(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, tc.args...)...)
			if result.Code != 1 || !strings.Contains(result.Stderr, tc.says) || strings.Contains(result.Stderr, "goroutine") {
				t.Errorf("serve = %d\n%s\nwant 1 and %q", result.Code, result.Stderr, tc.says)
			}
		})
	}
}

// The password and picture that must never reach a log.
const plantedPassword = "Planted-Password-7391"

// TestFirstRunAndCanaries creates the administrator through the link that
// works once, signs in, makes and uses a token, classifies, and then looks
// for everything secret in the log at its most talkative.
func TestFirstRunAndCanaries(t *testing.T) {
	t.Parallel()
	models := harness.NewModels(t)
	store := harness.Local(t).With(
		"GRANARY_TELEMETRY_LOG_LEVEL=debug", "GRANARY_IDENTITY_VOUCH_SECRET="+vouchSecret, "NACHET_BLOB_PIPELINE_DECRYPTION_KEY="+fernetKey,
		"NACHET_FRONTEND_PUBLIC_URL="+origin,
	)
	store.Command(t, "pipeline", "import", store.Write(t, "p.json", models.LegacyFile(t, swin, "planted-api-key", fernet(t, fernetKey))))
	server := harness.Start(t, store)
	link, err := url.Parse(server.SetupURL(t))
	if err != nil {
		t.Fatal(err)
	}
	setup := link.Query().Get("token")
	browser := harness.NewClient(server.URL, "").WithHeader("Sec-Fetch-Site", "same-origin").WithCookies(t)
	form := func(path string, values url.Values) harness.Answer {
		return browser.WithHeader("Content-Type", "application/x-www-form-urlencoded").Do(t, http.MethodPost, path, values.Encode())
	}
	browser.Get(t, link.RequestURI()).OK(t, nil)
	admin := url.Values{"token": {setup}, "email": {"admin@lab.example"}, "password": {plantedPassword}}
	if answer := form("/console/setup", admin); answer.Status != http.StatusSeeOther {
		t.Fatalf("setup = %d %s, want 303", answer.Status, answer.Short())
	}
	admin.Set("email", "second@lab.example")
	if answer := form("/console/setup", admin); answer.Status < 400 {
		t.Errorf("the link worked twice: %d to %s", answer.Status, answer.Header.Get("Location"))
	}
	if users := store.Command(t, "user", "list"); !strings.Contains(users, "admin@lab.example") || strings.Contains(users, "second@") {
		t.Errorf("users = %s, want only the first administrator", users)
	}
	form("/console/sign-out", nil)
	wrong := "Wrong-Password-5528"
	form("/console/sign-in", url.Values{"email": {"admin@lab.example"}, "password": {wrong}})
	if answer := form("/console/sign-in", url.Values{"email": {"admin@lab.example"}, "password": {plantedPassword}}); answer.Status != http.StatusSeeOther {
		t.Fatalf("sign-in = %d %s, want 303", answer.Status, answer.Short())
	}
	browser.Get(t, "/console/users").OK(t, nil)
	var made struct{ Secret string }
	created := browser.Post(t, "/api/v1/tokens", fields{"name": "canary"})
	if created.Status != http.StatusCreated && created.Status != http.StatusOK {
		t.Fatalf("create a token = %d %s", created.Status, created.Short())
	}
	created.Status = http.StatusOK
	created.OK(t, &made)
	bearer := harness.NewClient(server.URL, "").WithHeader("Authorization", "Bearer "+made.Secret)
	var me struct{ ID string }
	bearer.Get(t, "/api/v1/me").OK(t, &me)
	harness.NewClient(server.URL, "").WithHeader("Authorization", "Bearer planted-wrong-token").Get(t, "/api/v1/me")

	drawer := &harness.Drawer{}
	data := drawer.PNG(t)
	v := &visitor{w: &world{models: models, drawer: drawer}, page: harness.NewClient(server.URL, origin), id: me.ID}
	v.page.Post(t, "/inf", v.request("General", swin, harness.DataURL("image/png", data))).OK(t, nil)
	models.Answer(func(harness.Call) harness.Reply { return harness.Reply{Status: 500, Body: "planted-model-detail"} })
	v.page.Post(t, "/inf", v.request("General", swin, harness.DataURL("image/png", data)))
	v.page.Post(t, "/inf", `{"image":"data:image/png;base64,planted-picture`)
	value := pack(t, token(t, vouchSecret, claims("admin@lab.example")))
	v.page.WithHeader("Cookie", cookieName+"="+value).Post(t, "/get-user-id", fields{}).OK(t, nil)
	v.page.WithHeader("Cookie", cookieName+"="+value[:40]).Post(t, "/get-user-id", fields{})
	server.Stop(t)
	for name, secret := range map[string]string{
		"the password": plantedPassword, "a wrong password": wrong, "the token": made.Secret, "a wrong token": "planted-wrong-token",
		"the API key": "planted-api-key", "the Fernet key": fernetKey, "the proxy's secret": vouchSecret, "the cookie": value[:40],
		"the picture": base64.StdEncoding.EncodeToString(data)[40:100], "a broken body": "planted-picture", "a model's answer": "planted-model-detail",
	} {
		if lines := server.LogLines(secret); len(lines) != 0 {
			t.Errorf("the log holds %s: %s", name, lines[0])
		}
	}
	// The link is printed for the operator, and is in no line of the log.
	if lines := server.LogLines(setup); len(lines) != 1 || strings.HasPrefix(lines[0], "{") {
		t.Errorf("the link of the first run is in %q, want only the greeting", lines)
	}
	if shown := store.Command(t, "config", "show"); strings.Contains(shown, vouchSecret) || strings.Contains(shown, fernetKey) {
		t.Error("granary config show prints a secret")
	}
	if got := store.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
		t.Errorf("granary check = %q, want all is sound", got)
	}
}

// TestCommandsBesideServer changes accounts and pipelines while a server
// runs, which sees them at once.
func TestCommandsBesideServer(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, store harness.Store) {
		t.Helper()
		models := harness.NewModels(t)
		store = store.With("NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL="+origin)
		server := harness.Start(t, store)
		page := harness.NewClient(server.URL, origin)
		id := uuid.NewString()
		if got := store.Command(t, "user", "create", "--email", "kim@lab.example", "--id", id); got != id {
			t.Errorf("user create --id = %q, want %q", got, id)
		}
		if result := store.Try(t, "user", "create", "--email", "KIM@lab.example"); result.Code == 0 {
			t.Error("the same address was taken twice")
		}
		v := &visitor{w: &world{models: models, drawer: &harness.Drawer{}}, page: page, id: id}
		v.folders(t)
		body := v.request("General", swin, harness.DataURL("image/png", v.w.drawer.PNG(t)))
		page.Post(t, "/inf", body).Refused(t, 400, "API Error during classification : model "+swin+" not found")
		file := store.Write(t, "p.json", models.LegacyFile(t, swin, "first-key", fernet(t, fernetKey)))
		if result := store.Try(t, "pipeline", "import", file); result.Code == 0 {
			t.Error("an encrypted file was imported without a key")
		}
		keyed := store.With("NACHET_BLOB_PIPELINE_DECRYPTION_KEY=" + fernetKey)
		keyed.Command(t, "pipeline", "import", file)
		page.Post(t, "/inf", body).OK(t, nil)
		// The same pipeline again, with another key: no restart.
		keyed.Command(t, "pipeline", "import", store.Write(t, "p.json", models.LegacyFile(t, swin, "second-key", nil)))
		page.Post(t, "/inf", body).OK(t, nil)
		calls := models.Calls("detector")
		if len(calls) != 2 || calls[0].Header.Get("Authorization") != "Bearer first-key" || calls[1].Header.Get("Authorization") != "Bearer second-key" {
			t.Errorf("%d detector calls, want one with each key", len(calls))
		}
		store.Command(t, "user", "disable", "kim@lab.example")
		page.Post(t, "/get-user-id", fields{"email": "kim@lab.example"}).
			Refused(t, 400, "Datastore Error retrieving user id for email kim@lab.example : User not found")
		page.Post(t, "/get-directories", fields{"container_name": id}).
			Refused(t, 400, "Datastore Error retrieving user directories : User not found based on the given id: "+id)
	})
}

// TestReloadReadsPipelineFiles changes a configured pipeline file under a
// running server, then breaks it: the last one that could be read stays.
func TestReloadReadsPipelineFiles(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	models := harness.NewModels(t)
	file := store.Write(t, "pipelines.json", models.LegacyFile(t, swin, "first-key", nil))
	store = store.With("NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL="+origin, "GRANARY_VISION_PIPELINES_FILES="+file)
	server := harness.Start(t, store)
	id := store.Command(t, "user", "create", "--email", "kim@lab.example")
	v := &visitor{w: &world{models: models, drawer: &harness.Drawer{}}, page: harness.NewClient(server.URL, origin), id: id}
	body := v.request("General", swin, harness.DataURL("image/png", v.w.drawer.PNG(t)))
	v.page.Post(t, "/inf", body).OK(t, nil)
	store.Write(t, "pipelines.json", models.LegacyFile(t, swin, "second-key", nil))
	server.Signal(t, syscall.SIGHUP)
	harness.Eventually(t, "the pipeline file is read again", func() bool { return len(server.LogLines("read again")) == 1 })
	v.page.Post(t, "/inf", body).OK(t, nil)
	store.Write(t, "pipelines.json", []byte("{"))
	server.Signal(t, syscall.SIGHUP)
	harness.Eventually(t, "the broken file is reported", func() bool { return len(server.LogLines("not all read again")) == 1 })
	v.page.Post(t, "/inf", body).OK(t, nil)
	var keys []string
	for _, call := range models.Calls("detector") {
		keys = append(keys, call.Header.Get("Authorization"))
	}
	if diff := cmp.Diff([]string{"Bearer first-key", "Bearer second-key", "Bearer second-key"}, keys); diff != "" {
		t.Errorf("detector calls (-want +got):\n%s", diff)
	}
}
