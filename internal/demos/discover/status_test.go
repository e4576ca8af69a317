package discover_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const waiting = `{"status":"PENDING","infos":["Task still running"]}`

// TestStatusOfEveryState holds the log of each state against its exact shape.
func TestStatusOfEveryState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		log := func(id string) string { return b.await(t, id, func(string) bool { return true }) }
		if got := log(uuid.NewString()); got != waiting {
			t.Errorf("log of an unknown task = %s, want %s", got, waiting)
		}
		if got := log("no-uuid"); got != waiting {
			t.Errorf("log of an id that is none = %s, want %s", got, waiting)
		}
		queued := b.start(t, `{"do":""}`)
		if got := log(queued.ID); got != waiting {
			t.Errorf("log of a queued task = %s, want %s", got, waiting)
		}
		gone := b.start(t, `{"do":""}`)
		b.json(t, http.MethodPost, "/echo/"+gone.ID+"/cancel", "", &map[string]string{})
		if got := log(gone.ID); got != "null" {
			t.Errorf("log of a task that was cancelled in the queue = %s, want null", got)
		}
		b.run(t)
		if got := b.await(t, queued.ID, ended); got != `{"result":42}` {
			t.Errorf("log of a finished task = %s, want its output", got)
		}
		failed := b.start(t, `{"do":"fail"}`)
		want := `{"status":"ERROR","infos":["Error: the model is missing"],"errors":["the model is missing"]}`
		if got := b.await(t, failed.ID, ended); got != want {
			t.Errorf("log of a failed task = %s, want %s", got, want)
		}
		slow := b.start(t, `{"do":"hang"}`)
		got := b.await(t, slow.ID, func(log string) bool { return strings.Contains(log, `"More"`) })
		want = `{"status":"PROGRESS","id":"` + slow.ID + `","infos":["line 2","line 3","line 4","line 5","line 6","line 7","line 8","line 9","line 10","line 11"],` +
			`"progress":[{"context":"Pages","current":3,"total":8},{"context":"More","current":1,"total":null}],"warnings":["a page is blank"]}`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log of a running task (-want +got):\n%s", diff)
		}
		if got, want := b.await(t, slow.ID, ended), `{"status":"ERROR","infos":["Error: Actor raised TimeLimitExceeded ()"]`; !strings.HasPrefix(got, want) {
			t.Errorf("log of a task that ran too long = %s, want %s", got, want)
		}
		stopped := b.start(t, `{"do":"hang"}`)
		b.await(t, stopped.ID, func(log string) bool { return strings.Contains(log, `"More"`) })
		b.json(t, http.MethodPost, "/"+stopped.ID+"/cancel", "", &map[string]string{})
		if got, want := b.await(t, stopped.ID, ended), `{"status":"ERROR","infos":["Error: Actor raised Abort ()"]}`; got != want {
			t.Errorf("log of a task that was cancelled while it ran = %s, want %s", got, want)
		}
	})
}
