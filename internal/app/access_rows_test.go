package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// request is what an actor sends.
type request struct{ path, mediaType, body string }

// accessRow says what each actor gets from one route: anonymous, another
// user, the owner of the object, a steward, an administrator.
type accessRow struct {
	want [actors]int
	// query is added to the path; it may hold wildcards too.
	query string
	// body makes the request's body from the object's ids; nil sends none.
	body func(t *testing.T, l *lab, a actor, object objects) (mediaType, body string)
	// objects makes what the path's wildcards and the body name; a fresh one
	// for every call, so that a deletion does not disturb the next.
	objects func(t *testing.T, l *lab) objects
}

// objects are ids by wildcard name.
type objects map[string]string

var wildcard = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

// call makes the request of one actor.
func (row accessRow) call(t *testing.T, l *lab, a actor, pattern string) request {
	t.Helper()
	object := objects{}
	if row.objects != nil {
		object = row.objects(t, l)
	}
	path := wildcard.ReplaceAllStringFunc(strings.TrimSuffix(pattern, "{$}")+row.query, func(name string) string {
		return object[wildcard.FindStringSubmatch(name)[1]]
	})
	r := request{path: path}
	if row.body != nil {
		r.mediaType, r.body = row.body(t, l, a, object)
	}
	return r
}

func jsonBody(build func(l *lab, a actor, object objects) map[string]any) func(*testing.T, *lab, actor, objects) (string, string) {
	return func(t *testing.T, l *lab, a actor, object objects) (string, string) {
		t.Helper()
		data, err := json.Marshal(build(l, a, object))
		if err != nil {
			t.Fatal(err)
		}
		return "application/json", string(data)
	}
}

func fixedJSON(body map[string]any) func(*testing.T, *lab, actor, objects) (string, string) {
	return jsonBody(func(*lab, actor, objects) map[string]any { return body })
}

func form(build func(object objects) url.Values) func(*testing.T, *lab, actor, objects) (string, string) {
	return func(_ *testing.T, _ *lab, _ actor, object objects) (string, string) {
		return "application/x-www-form-urlencoded", build(object).Encode()
	}
}

func fixedForm(pairs ...string) func(*testing.T, *lab, actor, objects) (string, string) {
	return form(func(objects) url.Values {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values
	})
}

// upload is a form with one picture.
func upload(t *testing.T, _ *lab, _ actor, _ objects) (mediaType, body string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreateFormFile("file", "tray.png")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(square(t)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), out.String()
}

// square returns a small picture.
func square(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func dataURL(t *testing.T) string {
	t.Helper()
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(square(t))
}

func one(name string, build func(l *lab, t *testing.T) string) func(*testing.T, *lab) objects {
	return func(t *testing.T, l *lab) objects {
		t.Helper()
		return objects{name: build(l, t)}
	}
}

// seen is a picture of the owner with its inference and box.
func seen(t *testing.T, l *lab) objects {
	t.Helper()
	found := l.inference(t)
	return objects{"id": found.PictureID, "inference": found.ID, "box": found.Boxes[0].ID}
}

// inFolder is a folder of the owner with a picture in it.
func inFolder(t *testing.T, l *lab) objects {
	t.Helper()
	picture := seen(t, l)["id"]
	_, set, err := l.core.Vision.Picture(l.as(t, owner), picture)
	if err != nil {
		t.Fatal(err)
	}
	return objects{"id": set.ID, "picture": picture}
}

func given(pairs ...string) func(*testing.T, *lab) objects {
	return func(*testing.T, *lab) objects {
		object := objects{}
		for i := 0; i < len(pairs); i += 2 {
			object[pairs[i]] = pairs[i+1]
		}
		return object
	}
}

// The usual outcomes of the native API, by what the route is about.
func everybody(status int) [actors]int { return [actors]int{status, status, status, status, status} }
func signedIn(ok int) [actors]int      { return [actors]int{401, ok, ok, ok, ok} }
func stewards(ok int) [actors]int      { return [actors]int{401, 403, 403, ok, ok} }
func admins(ok int) [actors]int        { return [actors]int{401, 403, 403, 403, ok} }

// reading is an object of the owner's: stewards look at everybody's.
func reading(ok int) [actors]int { return [actors]int{401, 403, ok, ok, ok} }

// hiding is an object whose existence is nobody else's business.
func hiding(ok int) [actors]int { return [actors]int{401, 404, ok, 404, ok} }

// managing is an object of the owner's that only administrators touch beside
// the owner.
func managing(ok int) [actors]int { return [actors]int{401, 403, ok, 403, ok} }

// inBody marks the seed door, where refusals are 400 in its own shape and
// anybody is who the body says.
func inBody(want [actors]int) [actors]int {
	for i, status := range want {
		if status >= 400 {
			want[i] = 400
		}
	}
	return want
}

// accessRows returns the row of every route by "METHOD path".
func accessRows() map[string]accessRow {
	rows := map[string]accessRow{}
	for _, group := range []map[string]accessRow{platformRows(), visionRows(), seedDoorRows(), consoleRows(), visionPageRows()} {
		for key, row := range group {
			if _, twice := rows[key]; twice {
				panic("two rows for " + key)
			}
			rows[key] = row
		}
	}
	return rows
}

func platformRows() map[string]accessRow {
	user := one("id", (*lab).user)
	job, ended := one("id", (*lab).job), one("id", (*lab).endedJob)
	newUser := jsonBody(func(*lab, actor, objects) map[string]any {
		return map[string]any{"email": uuid.NewString() + "@lab.example"}
	})
	rows := map[string]accessRow{
		"GET /api/v1/audit":                  {want: admins(200)},
		"GET /api/v1/audit/verify":           {want: admins(200)},
		"GET /api/v1/jobs":                   {want: signedIn(200)},
		"GET /api/v1/jobs/{id}":              {want: hiding(200), objects: job},
		"GET /api/v1/jobs/{id}/events":       {want: hiding(200), objects: ended},
		"GET /api/v1/jobs/{id}/logs":         {want: hiding(200), objects: job},
		"POST /api/v1/jobs/{id}/cancel":      {want: hiding(200), objects: job},
		"POST /api/v1/jobs/{id}/retry":       {want: hiding(200), objects: job},
		"GET /api/v1/me":                     {want: signedIn(200)},
		"GET /api/v1/me/sessions":            {want: signedIn(200)},
		"DELETE /api/v1/me/sessions":         {want: signedIn(204)},
		"PUT /api/v1/me/password":            {want: signedIn(403), body: fixedJSON(map[string]any{"current_password": "x", "new_password": "a-new-password-1"})},
		"GET /api/v1/queues":                 {want: admins(200)},
		"GET /api/v1/tokens":                 {want: signedIn(200)},
		"POST /api/v1/tokens":                {want: signedIn(403), body: fixedJSON(map[string]any{"name": "x"})}, // a token makes no tokens
		"DELETE /api/v1/tokens/{id}":         {want: hiding(204), objects: one("id", (*lab).token)},
		"GET /api/v1/users":                  {want: admins(200)},
		"POST /api/v1/users":                 {want: admins(201), body: newUser},
		"GET /api/v1/users/{id}":             {want: admins(200), objects: user},
		"PUT /api/v1/users/{id}/disabled":    {want: admins(200), objects: user, body: fixedJSON(map[string]any{"disabled": true})},
		"PUT /api/v1/users/{id}/password":    {want: admins(200), objects: user, body: fixedJSON(map[string]any{"password": "a-new-password-1"})},
		"PUT /api/v1/users/{id}/role":        {want: admins(200), objects: user, body: fixedJSON(map[string]any{"role": "steward"})},
		"DELETE /api/v1/users/{id}/sessions": {want: admins(204), objects: user},
	}
	for _, public := range []string{"/healthz", "/readyz", "/version", "/metrics", "/docs", "/docs/platform", "/docs/nachet", "/docs/style.css", "/openapi.json", "/openapi/platform.json", "/openapi/nachet.json"} {
		rows["GET "+public] = accessRow{want: everybody(200)}
	}
	return rows
}

func visionRows() map[string]accessRow {
	const root = "/api/v1/vision"
	return map[string]accessRow{
		"GET " + root + "/picture-sets":            {want: signedIn(200)},
		"GET " + root + "/pictures/{id}":           {want: reading(200), objects: seen},
		"GET " + root + "/pictures/{id}/file":      {want: reading(200), objects: seen},
		"GET " + root + "/pictures/{id}/inference": {want: reading(200), objects: seen},
		"GET " + root + "/seeds":                   {want: signedIn(200)},
		"GET " + root + "/pipelines":               {want: signedIn(200)},
		"GET " + root + "/model/versions":          {want: signedIn(200)},
		"GET " + root + "/export/{format}":         {want: signedIn(200), objects: given("format", "csv")},
		"POST " + root + "/model/retrain":          {want: stewards(202), body: fixedJSON(map[string]any{})},
		// There is no such version: 404 is what comes after the permission.
		"POST " + root + "/model/versions/{version}/activate": {want: admins(404), objects: given("version", "99")},
	}
}

// seedDoorRows name the actor in the body, as that front end does; the token
// tells the server that a steward is one.
func seedDoorRows() map[string]accessRow {
	folder := one("folder", (*lab).folder)
	withUser := func(fields func(l *lab, object objects) map[string]any) func(*testing.T, *lab, actor, objects) (string, string) {
		return jsonBody(func(l *lab, a actor, object objects) map[string]any {
			body := fields(l, object)
			body["container_name"], body["userId"] = l.ids[a], l.ids[a]
			return body
		})
	}
	folderID := withUser(func(_ *lab, o objects) map[string]any {
		return map[string]any{"folder_uuid": o["folder"], "folder_name": o["folder"]}
	})
	nothing := withUser(func(*lab, objects) map[string]any { return map[string]any{} })
	named := withUser(func(*lab, objects) map[string]any {
		return map[string]any{"folder_name": uuid.NewString(), "nb_pictures": 1}
	})
	judge := withUser(func(_ *lab, o objects) map[string]any {
		return map[string]any{"inferenceId": o["inference"], "boxes": []map[string]any{{
			"boxId": o["box"], "label": "", "classId": "", "box": map[string]float64{"topX": 1, "topY": 1, "bottomX": 9, "bottomY": 9},
		}}}
	})
	draw := withUser(func(_ *lab, o objects) map[string]any {
		return map[string]any{"inferenceId": o["inference"], "boxes": []map[string]any{{
			"boxId": "", "label": "Brassica napus", "classId": "", "box": map[string]float64{"topX": 1, "topY": 1, "bottomX": 9, "bottomY": 9},
		}}}
	})
	picture := func(more map[string]any) func(*testing.T, *lab, actor, objects) (string, string) {
		return func(t *testing.T, l *lab, a actor, o objects) (string, string) {
			t.Helper()
			body := map[string]any{"container_name": l.ids[a], "image": dataURL(t), "imageDims": []int{40, 30}, "folder_name": "General", "session_id": o["session"]}
			for name, value := range more {
				body[name] = value
			}
			data, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			return "application/json", string(data)
		}
	}
	// Anybody with an account of its own, which the anonymous one lacks.
	own := [actors]int{400, 200, 200, 200, 200}
	rows := map[string]accessRow{
		// Nobody has a cookie or a body's e-mail here but by the token.
		"POST /get-user-id":         {want: own, body: nothing},
		"POST /get-directories":     {want: own, body: nothing},
		"POST /dir":                 {want: own, body: nothing},
		"POST /create-dir":          {want: own, body: named},
		"POST /new-batch-import":    {want: own, body: named},
		"POST /inf":                 {want: own, body: picture(map[string]any{"model_name": "fixed"})},
		"POST /image-validation":    {want: everybody(200), body: picture(nil)},
		"POST /upload-picture":      {want: inBody(managing(200)), objects: one("session", (*lab).batch), body: picture(map[string]any{"seed_name": "Brassica napus"})},
		"POST /del":                 {want: [actors]int{400, 400, 200, 400, 400}, objects: folder, body: folderID}, // by name: among one's own
		"POST /delete-request":      {want: inBody(reading(200)), objects: folder, body: folderID},
		"POST /delete-permanently":  {want: inBody(managing(200)), objects: folder, body: folderID},
		"POST /delete-with-archive": {want: inBody(managing(200)), objects: folder, body: folderID},
		"POST /get-picture": {want: inBody(reading(200)), objects: seen, body: withUser(func(_ *lab, o objects) map[string]any {
			return map[string]any{"picture_id": o["id"]}
		})},
		"POST /feedback-positive":    {want: inBody(reading(200)), objects: seen, body: judge},
		"POST /feedback-negative":    {want: inBody(reading(200)), objects: seen, body: judge},
		"POST /feedback-new-box":     {want: inBody(reading(200)), objects: seen, body: draw},
		"GET /seed-data/{seed_name}": {want: everybody(400), objects: given("seed_name", "none")}, // nothing was imported
		"GET /reload-seed-data":      {want: everybody(400)},                                      // no address is configured
	}
	for _, public := range []string{"/health", "/ready", "/ping", "/seeds", "/model-endpoints-metadata", "/test"} {
		rows["GET "+public] = accessRow{want: everybody(200)}
	}
	return rows
}

// Pages send whoever is not signed in to the sign-in page.
func page(want [actors]int) [actors]int {
	if want[anonymous] == 401 {
		want[anonymous] = 303
	}
	return want
}

func consoleRows() map[string]accessRow {
	const root = "/console"
	user, job, ended := one("id", (*lab).user), one("id", (*lab).job), one("id", (*lab).endedJob)
	empty := fixedForm()
	newUser := form(func(objects) url.Values {
		return url.Values{"email": {uuid.NewString() + "@lab.example"}, "role": {"member"}, "password": {"a-new-password-1"}}
	})
	return map[string]accessRow{
		"GET /{$}":                      {want: everybody(302)},
		"GET " + root:                   {want: page(signedIn(200))},
		"GET " + root + "/setup":        {want: everybody(200)},
		"POST " + root + "/setup":       {want: everybody(403), body: fixedForm("token", "none", "email", "x@lab.example", "password", "a-new-password-1")},
		"GET " + root + "/sign-in":      {want: [actors]int{200, 303, 303, 303, 303}}, // who is signed in goes on
		"GET " + root + "/search":       {want: page(signedIn(200))},
		"POST " + root + "/sign-in":     {want: everybody(401), body: fixedForm("email", "x@lab.example", "password", "wrong-password")},
		"POST " + root + "/sign-out":    {want: everybody(303), body: empty},
		"POST " + root + "/preferences": {want: everybody(303), body: fixedForm("theme", "dark")},
		"GET " + root + "/account":      {want: page(signedIn(200))},
		// A token changes no password; the form says why.
		"POST " + root + "/account/password":            {want: page(signedIn(403)), body: fixedForm("current", "x", "password", "a-new-password-1")},
		"POST " + root + "/account/sign-out-everywhere": {want: page(signedIn(303)), body: empty},
		"GET " + root + "/users":                        {want: page(admins(200))},
		"POST " + root + "/users":                       {want: page(admins(303)), body: newUser},
		"POST " + root + "/users/{id}/role":             {want: page(admins(303)), objects: user, body: fixedForm("role", "steward")},
		"POST " + root + "/users/{id}/enable":           {want: page(admins(303)), objects: user, body: empty},
		"POST " + root + "/users/{id}/disable":          {want: page(admins(303)), objects: user, body: empty},
		"GET " + root + "/tokens":                       {want: page(signedIn(200))},
		"POST " + root + "/tokens":                      {want: page(signedIn(403)), body: fixedForm("name", "x", "days", "30")},
		"POST " + root + "/tokens/revoke":               {want: page(hiding(303)), objects: one("id", (*lab).token), body: form(func(o objects) url.Values { return url.Values{"id": {o["id"]}} })},
		"POST " + root + "/tokens/{id}/revoke":          {want: page(hiding(303)), objects: one("id", (*lab).token), body: empty},
		"GET " + root + "/jobs":                         {want: page(stewards(200))},
		"GET " + root + "/jobs/{id}":                    {want: page(stewards(200)), objects: job},
		"GET " + root + "/jobs/{id}/log":                {want: page(stewards(200)), objects: job},
		"GET " + root + "/jobs/{id}/events":             {want: page(stewards(200)), objects: ended},
		"POST " + root + "/jobs/{id}/callbacks/{callback}/resend": {
			want: page(admins(404)), objects: given("id", "none", "callback", "none"), body: empty,
		},
		"POST " + root + "/jobs/{id}/cancel":         {want: page(admins(303)), objects: job, body: empty},
		"POST " + root + "/jobs/{id}/retry":          {want: page(admins(303)), objects: job, body: empty},
		"GET " + root + "/audit":                     {want: page(admins(200))},
		"GET " + root + "/assets/{digest}/{name...}": {want: everybody(404), objects: given("digest", "none", "name", "none.css")},
	}
}

func visionPageRows() map[string]accessRow {
	const root = "/console/vision"
	folder := one("id", (*lab).folder)
	empty := fixedForm()
	reject := form(func(o objects) url.Values { return url.Values{"act": {"reject"}, "box": {o["box"]}} })
	return map[string]accessRow{
		"GET " + root:                           {want: page(reading(200)), objects: one("owner", (*lab).owner), query: "?owner={owner}"},
		"POST " + root + "/folders":             {want: page(signedIn(303)), body: form(func(objects) url.Values { return url.Values{"name": {uuid.NewString()}} })},
		"GET " + root + "/folders/{id}":         {want: page(reading(200)), objects: folder},
		"POST " + root + "/folders/{id}/rename": {want: page(managing(303)), objects: folder, body: form(func(objects) url.Values { return url.Values{"name": {uuid.NewString()}} })},
		"POST " + root + "/folders/{id}/delete": {want: page(managing(303)), objects: folder, body: empty},
		"POST " + root + "/folders/{id}/pictures": {
			want: page(managing(303)), objects: folder, body: upload,
		},
		"POST " + root + "/folders/{id}/selected": {
			want: page(managing(303)), objects: inFolder, body: form(func(o objects) url.Values { return url.Values{"act": {"delete"}, "id": {o["picture"]}} }),
		},
		"POST " + root + "/sample":                          {want: page(signedIn(303)), body: empty},
		"GET " + root + "/pictures/{id}":                    {want: page(reading(200)), objects: seen},
		"GET " + root + "/pictures/{id}/view":               {want: page(reading(200)), objects: seen},
		"GET " + root + "/pictures/{id}/thumb":              {want: page(reading(200)), objects: seen, query: "?size=176"},
		"POST " + root + "/pictures/{id}/classify":          {want: page(managing(303)), objects: seen, body: fixedForm("pipeline", "fixed")},
		"POST " + root + "/pictures/{id}/delete":            {want: page(managing(303)), objects: seen, body: empty},
		"POST " + root + "/pictures/{id}/judge/{inference}": {want: page(reading(303)), objects: seen, body: reject},
		"GET " + root + "/seeds":                            {want: page(signedIn(200))},
		"POST " + root + "/seeds":                           {want: page(stewards(303)), body: fixedForm("names", "Brassica napus")},
		"GET " + root + "/pipelines":                        {want: page(signedIn(200))},
		"GET " + root + "/pipelines/{id}":                   {want: page(signedIn(404)), objects: given("id", "none")},
		"POST " + root + "/pipelines/{id}/try":              {want: page(admins(404)), objects: given("id", "none"), body: upload},
		"POST " + root + "/pipelines/default":               {want: page(admins(303)), body: fixedForm("name", "fixed")},
		"GET " + root + "/models":                           {want: page(signedIn(200))},
		"POST " + root + "/models/retrain":                  {want: page(stewards(303)), body: empty},
		// Nothing was trained yet: 404 is what comes after the permission.
		"POST " + root + "/models/rollback":          {want: page(admins(404)), body: empty},
		"POST " + root + "/models/{number}/activate": {want: page(admins(404)), objects: given("number", "99"), body: empty},
		"GET " + root + "/export/{format}":           {want: page(signedIn(200)), objects: given("format", "csv")},
	}
}
