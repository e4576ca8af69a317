package discover

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"

	"granary/internal/demos"
	"granary/internal/demos/manifest"
	"granary/internal/platform/web"
)

// accepted is the answer to a start request. The status is 200, whatever
// happens later.
type accepted struct {
	TrackingID   string `json:"tracking_id"`
	ExperimentID string `json:"experiment_id"`
}

// tracked is the answer to a cancel request.
type tracked struct {
	TrackingID string `json:"tracking_id"`
}

func (d *Door) start(r *http.Request, app *demos.App, e *manifest.Endpoint) (any, error) {
	release, err := d.hold(r.Context(), r)
	if err != nil {
		return nil, err
	}
	defer release()
	env, err := readEnvelope(r, e)
	if err != nil {
		return nil, err
	}
	in := demos.Start{
		ExperimentID: text(env.fields["experiment_id"]), NotifyURL: text(env.fields["notify_url"]),
		BaseURL: baseURL(r), Crops: unpack(env.fields["crops"]), Upload: env.upload, ClientID: clientID(r),
	}
	if in.NotifyURL == "" {
		in.NotifyURL = text(env.fields["callback"]) // the name in older requests
	}
	if string(in.Crops) == "null" {
		in.Crops = nil
	}
	if in.Documents, err = env.documents(); err != nil {
		return nil, err
	}
	if in.Parameters, err = env.parameters(); err != nil {
		return nil, err
	}
	task, err := d.demos.Start(r.Context(), app, e, in)
	if err != nil {
		return nil, err
	}
	return accepted{task.ID, task.ExperimentID}, nil
}

// baseURL is how the client reached this server, which is how it will reach
// the results.
func baseURL(r *http.Request) string {
	if web.IsSecure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// clientID tells clients apart: the first 8 hex digits of the SHA-256 of
// "<User-Agent>_<address>_<X-Forwarded-For>".
func clientID(r *http.Request) string {
	sum := sha256.Sum256([]byte(r.UserAgent() + "_" + web.ClientAddr(r.Context()).String() + "_"))
	return hex.EncodeToString(sum[:4])
}

func (d *Door) cancel(r *http.Request) (any, error) {
	id := r.PathValue("id")
	return tracked{id}, d.demos.Cancel(r.Context(), id)
}

// sameToken compares without telling how much of a token was right.
func sameToken(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
