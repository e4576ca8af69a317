package acceptance

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"granary/test/harness"
)

// bomb returns a PNG of tiny size with many equal pixels.
func bomb(t *testing.T, width, height int) []byte {
	t.Helper()
	out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		whole := append([]byte(kind), data...)
		length := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(whole))
		out.Write(length)
		out.Write(whole)
		out.Write(sum)
	}
	header := binary.BigEndian.AppendUint32(nil, uint32(width))
	header = binary.BigEndian.AppendUint32(header, uint32(height))
	chunk("IHDR", append(header, 1, 0, 0, 0, 0))
	var rows bytes.Buffer
	packer := zlib.NewWriter(&rows)
	if _, err := io.CopyN(packer, zeroes{}, int64(height)*int64(width/8+1)); err != nil {
		t.Fatal(err)
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	chunk("IDAT", rows.Bytes())
	chunk("IEND", nil)
	return out.Bytes()
}

// zeroes is an endless reader.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// testBombs sends small files that say they hold more than 64 megapixels.
func testBombs(t *testing.T, w *world) {
	v := w.user(t)
	session := v.session(t, 5, "")
	image := harness.DataURL("image/png", bomb(t, 16000, 8000)) // 128 MP in a few kilobytes
	for path, body := range map[string]fields{
		"/inf":              v.request("General", swin, image),
		"/image-validation": {"image": image},
		"/upload-picture":   {"container_name": v.id, "session_id": session, "seed_name": "x", "image": image},
	} {
		begun := time.Now()
		answer := w.page.Post(t, path, body)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s took %s to refuse a bomb, want at most 1 s", path, took)
		}
		if answer.Status != 400 || !strings.Contains(answer.Text(t), "64000000") {
			t.Errorf("%s = %d %s, want 400 with the limit", path, answer.Status, answer.Short())
		}
	}
	v.leftAlone(t)
}

// testLargeBodies sends more than NACHET_MAX_CONTENT_LENGTH, announced and
// not, and sees a clean answer.
func testLargeBodies(t *testing.T, w *world) {
	const text = "Unhandled API error : Error during classification"
	large := `{"image":"` + strings.Repeat("A", 17<<20) + `"}`
	for name, body := range map[string]any{"announced": large, "chunked": io.MultiReader(strings.NewReader(large))} {
		answer := w.page.Post(t, "/inf", body)
		answer.RefusedLike(t, 400, text)
		if got := answer.Text(t); !strings.Contains(got, "16777216") {
			t.Errorf("%s: %q does not say the limit", name, got)
		}
	}
	w.page.Get(t, "/seeds").OK(t, nil)
	// What is just below the limit gets as far as its own error.
	small := `{"image":"` + strings.Repeat("A", 15<<20) + `"}`
	w.page.Post(t, "/image-validation", small).RefusedLike(t, 400, "Unhandled API error : Error validating image")
}

// hostileBodies are JSON values that no client of good will sends.
func hostileBodies() []string {
	deep := strings.Repeat("[", 200_000)
	many := `{"container_name":[` + strings.Repeat("1,", 200_000) + `1]}`
	list := []string{
		"", " ", "null", "[]", "1", `"text"`, "true", "{", "}", "{}x", "{} {}", "\x00", "\xff\xfe", "<xml/>", "[[[", deep, `{"a":` + deep,
		many, `{"boxes":` + strings.Repeat(`{"boxes":`, 20_000), `{"container_name":"` + strings.Repeat("x", 1<<20) + `"}`,
		"{" + strings.Repeat(`"a":1,`, 100_000) + `"a":1}`, `{"container_name":"\ud800"}`, `{"container_name":"` + "\x00" + `"}`,
	}
	names := []string{
		"container_name", "folder_name", "folder_uuid", "picture_id", "image", "imageDims", "model_name", "area_ratio", "color_format", "validator",
		"userId", "inferenceId", "boxes", "nb_pictures", "session_id", "seed_id", "seed_name", "zoom_level", "nb_seeds", "email",
	}
	for _, value := range []string{"null", "1", "-1", "1e999", "true", `""`, `"'; DROP TABLE users; --"`, `"\u0000"`, "[]", "[null]", "[[]]", "{}", `{"a":{}}`, "[1,2,3]", `[{"boxId":1}]`, `[{"boxId":"x","label":1,"classId":[],"box":{"topX":"x"}}]`} {
		all := make([]string, len(names))
		for i, name := range names {
			all[i] = strconv.Quote(name) + ":" + value
		}
		list = append(list, "{"+strings.Join(all, ",")+"}")
	}
	return list
}

// testHostileBodies sends them to every route that takes a body: always the
// array of one text, never a 5xx.
func testHostileBodies(t *testing.T, w *world) {
	routes := []string{
		"/get-user-id", "/get-directories", "/dir", "/create-dir", "/del", "/delete-request", "/delete-permanently", "/delete-with-archive",
		"/get-picture", "/image-validation", "/inf", "/feedback-positive", "/feedback-negative", "/feedback-new-box", "/new-batch-import", "/upload-picture",
	}
	refused := func(path, body string) {
		answer := w.page.Post(t, path, body)
		if path == "/get-user-id" && answer.Status == http.StatusOK {
			return
		}
		if answer.Status != 400 {
			t.Errorf("%s of %.80q = %d %s, want 400", path, body, answer.Status, answer.Short())
			return
		}
		text := answer.Text(t)
		for _, leak := range []string{"goroutine", ".go:", "panic", "SQL", "sqlite", "pq:", "ERROR:"} {
			if strings.Contains(text, leak) {
				t.Errorf("%s of %.80q = %q, which holds %q", path, body, text, leak)
			}
		}
	}
	for _, path := range routes {
		for _, body := range hostileBodies() {
			refused(path, body)
		}
	}
	// Each field alone wrong, the rest as it should be.
	v := w.user(t)
	found := v.classify(t, "General")
	session := v.session(t, 3, "")
	good := map[string]fields{
		"/inf":               v.request("General", swin, harness.DataURL("image/png", w.drawer.PNG(t))),
		"/create-dir":        {"container_name": v.id, "folder_name": "x"},
		"/get-picture":       {"container_name": v.id, "picture_id": found.PictureID},
		"/feedback-positive": {"userId": v.id, "inferenceId": found.ID, "boxes": []fields{{"boxId": found.Boxes[0].ID}}},
		"/feedback-negative": {"userId": v.id, "inferenceId": found.ID, "boxes": []fields{found.Boxes[0].judged("", "")}},
		"/new-batch-import":  {"container_name": v.id, "nb_pictures": 1},
		"/upload-picture":    v.upload(session, w.drawer.PNG(t)),
	}
	ignored := map[string]bool{"validator": true, "user_id": true}
	for path, body := range good {
		for name, value := range body {
			for _, wrong := range []any{fields{"a": 1}, []any{[]any{}}, true} {
				body[name] = wrong
				answer := w.page.Post(t, path, body)
				if want := 400; answer.Status != want && !ignored[name] {
					t.Errorf("%s with %s = %v: %d %s, want %d", path, name, wrong, answer.Status, answer.Short(), want)
				}
				if answer.Status != http.StatusOK {
					answer.Text(t)
				}
			}
			body[name] = value
		}
	}
	entry := found.Boxes[1].judged("", "Solanum nigrum")
	for name, value := range entry {
		for _, wrong := range []any{fields{"topX": fields{}}, []any{1}, 7.5} {
			entry[name] = wrong
			v.negative(t, found.ID, entry).RefusedLike(t, 400, "")
		}
		entry[name] = value
	}
	for _, corners := range []string{`{"topX":1e308,"topY":0,"bottomX":-1e308,"bottomY":9}`, `{"topX":5,"topY":5,"bottomX":5,"bottomY":5}`, `{}`} {
		entry["box"] = json.RawMessage(corners)
		v.negative(t, found.ID, entry).RefusedLike(t, 400, "API Error giving a negative feedback : ")
	}
	boxes := make([]fields, 20_000)
	for i := range boxes {
		boxes[i] = fields{"boxId": found.Boxes[i%3].ID, "label": "", "classId": "", "box": rect(1, 1, 2, 2)}
	}
	v.negative(t, found.ID, boxes...).RefusedLike(t, 400, "Unhandled API error : Error giving a negative feedback")
	if got := rebuilt(t, v.negative(t, found.ID)); got.Boxes[1].Verified || len(got.Boxes) < 2 {
		t.Errorf("boxes after refused calls = %+v, want none judged", got.Boxes)
	}
}

// testHostileNames makes folders whose names once broke the original.
func testHostileNames(t *testing.T, w *world) {
	v := w.user(t)
	for _, name := range []string{".", "..", "a/b", "/", "../../etc/passwd", "a\x00b", "a\nb", "\x7f", "   ", "\t", strings.Repeat("x", 201), strings.Repeat("種", 201)} {
		v.page.Post(t, "/create-dir", fields{"container_name": v.id, "folder_name": name}).RefusedLike(t, 400, "API Error creating directory : ")
		v.page.Post(t, "/new-batch-import", fields{"container_name": v.id, "nb_pictures": 1, "folder_name": name}).
			RefusedLike(t, 400, "API Error initiating batch upload : ")
	}
	for _, name := range []string{
		"a.b", "...", "a\\b", "'; DROP TABLE vision_pictures; --", "<img src=x onerror=alert(1)>", "%2e%2e%2f", "CON", "é\u0301", "🌾", strings.Repeat("種", 200), "general",
	} {
		id := v.create(t, name)
		v.classify(t, id)
		if got := v.folder(t, id); got.Name != name || got.Count != 1 {
			t.Errorf("folder %q = %q with %d pictures, want it as it was named with 1", name, got.Name, got.Count)
		}
		v.page.Post(t, "/del", fields{"container_name": v.id, "folder_name": name}).OK(t, nil)
	}
	if left := v.folders(t); len(left) != 1 {
		t.Errorf("%d folders are left, want General", len(left))
	}
	// Ids that are none are unknown, not errors of the store.
	for _, id := range []string{"x", "' OR 1=1", "\x00", strings.Repeat("9", 5000), strings.ToUpper(v.id), "{" + v.id + "}", v.id + " "} {
		v.page.Post(t, "/get-directories", fields{"container_name": id}).
			Refused(t, 400, "Datastore Error retrieving user directories : User not found based on the given id: "+id)
		v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": id}).
			Refused(t, 400, "Datastore Error retrieving the picture : Picture not found based on the given id: "+id)
	}
}

// TestFlood sends more than the limits allow: 429 with Retry-After in the
// array's shape, while health checks go on answering.
func TestFlood(t *testing.T) {
	t.Parallel()
	server := harness.Start(t, harness.Local(t).With("GRANARY_WEB_RATE_PER_SECOND=0.5", "GRANARY_WEB_RATE_BURST=20", "NACHET_FRONTEND_PUBLIC_URL="+origin))
	page := harness.NewClient(server.URL, origin)
	limited := 0
	for range 40 {
		answer := page.Post(t, "/get-directories", fields{"container_name": uuid.NewString()})
		if answer.Status != http.StatusTooManyRequests {
			continue
		}
		limited++
		if after, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || after < 1 || after > 60 {
			t.Errorf("Retry-After = %q, want a few seconds", answer.Header.Get("Retry-After"))
		}
		answer.RefusedLike(t, http.StatusTooManyRequests, "Unhandled API error : Error retrieving user directories")
	}
	if limited < 10 || limited > 20 {
		t.Errorf("%d of 40 requests were limited, want about 20", limited)
	}
	page.Get(t, "/health").OK(t, nil)
	harness.NewClient(server.URL, "").Get(t, "/readyz").OK(t, nil)
}
