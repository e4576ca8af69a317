package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/worker"
)

func TestPlainPrograms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, script, want string
		lines              string
		err                error
		text               string
	}{
		{"last line is the result", `echo reading; echo half; echo; echo '{"a":1}'`, `{"a":1}`, "info: reading|info: half", nil, ""},
		{"lines of standard error", `echo reading >&2; echo half >&2; echo 7`, "7", "info: reading|info: half", nil, ""},
		{"arguments from the file", `cat "$GRANARY_JOB"; test -z "$(cat)"`, `{"type":"job","id":"t","actor":"count","kwargs":{"n":3},"paths":{"data":"/data","dataset":"","results":"","tmp":"TMP"},"base_url":"http://x","attempt":2}`, "", nil, ""},
		{"no output", `:`, `null`, "", nil, ""},
		{"exit status", `echo "one" >&2; echo "no page 7" >&2; exit 4`, "", "info: one|info: no page 7", &worker.Failed{}, "no page 7"},
		{"exit status without words", `exit 4`, "", "", &worker.Failed{}, "exit status 4"},
		{"no JSON", `echo done`, "", "", worker.ErrProtocol, `"done"`},
		{"killed", `kill -KILL $$`, "", "", &worker.Died{}, ""},
		{"long line", `head -c 300000 /dev/zero | tr '\0' 1`, "", "", worker.ErrTooMuch, ""},
		{"endless", `while :; do echo x; done`, "", "*", worker.ErrTooMuch, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pool, temp := newPool(t, 1)
			spec := shell(worker.Plain, tc.script)
			spec.MaxLine, spec.MaxOutput = 1<<18, 1<<19
			heard := newRecorder()
			got, err := pool.Run(t.Context(), spec, worker.Job{
				ID: "t", Actor: "count", Kwargs: json.RawMessage(`{"n": 3}`), Paths: worker.Paths{Data: "/data"}, BaseURL: "http://x", Attempt: 2,
			}, heard)
			if tc.err != nil {
				if !sameKind(err, tc.err) || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("Run() = %s, %v, want %T with %q", got, err, tc.err, tc.text)
				}
			} else if text := replacePath(string(got), temp); err != nil || text != tc.want {
				t.Errorf("Run() = %s, %v, want %s", text, err, tc.want)
			}
			if lines := strings.Join(heard.all(), "|"); tc.lines != "*" && lines != tc.lines {
				t.Errorf("lines = %q, want %q", lines, tc.lines)
			}
		})
	}
}

// replacePath puts TMP for the private folder, whose name is not known.
func replacePath(text, temp string) string {
	before, rest, ok := strings.Cut(text, temp)
	if !ok {
		return text
	}
	_, after, _ := strings.Cut(rest, `"`)
	return before + `TMP"` + after
}

func TestPlainProgramsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	heard := newRecorder()
	pids := make(chan string, 1)
	go func() { pids <- <-heard.lines; cancel() }()
	spec := shell(worker.Plain, `trap '' TERM; sleep 600 & echo $$ $! >&2; wait; sleep 600`)
	spec.Grace = 100 * time.Millisecond
	if _, err := pool.Run(ctx, spec, worker.Job{ID: "t"}, heard); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want context.Canceled", err)
	}
	for _, pid := range strings.Fields(<-pids) {
		if alive(pid) {
			t.Errorf("process %s lives after the job", pid)
		}
	}
}
