package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs/outbox"
)

func TestMessagesOfAStreamArriveInOrderOneAtATime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var mu sync.Mutex
		open, failed := map[string]int{}, map[string]bool{}
		f := newFront(t, func(event string, w http.ResponseWriter, _ *http.Request) {
			stream, _, _ := strings.Cut(event, "/")
			mu.Lock()
			open[stream]++
			if open[stream] > 1 {
				t.Errorf("two POSTs of stream %s at once", stream)
			}
			// Every third message fails at first.
			again := len(event)%3 == 0 && !failed[event]
			failed[event] = true
			mu.Unlock()
			defer func() {
				mu.Lock()
				open[stream]--
				mu.Unlock()
			}()
			if again {
				w.WriteHeader(http.StatusBadGateway)
			}
		})
		o := start(t, db, quick())
		// A second process on the same rows.
		start(t, db, quick())
		const streams, each = 6, 12
		var group sync.WaitGroup
		for s := range streams {
			group.Go(func() {
				for n := range each {
					m := f.message(fmt.Sprint(s), fmt.Sprintf("%d/%s%d", s, strings.Repeat("x", n), n))
					m.Final = n == each-1
					add(t, db, o, m)
				}
			})
		}
		group.Wait()
		for s := range streams {
			awaitStates(t, o, fmt.Sprint(s), slices.Repeat([]outbox.State{outbox.Delivered}, each)...)
		}
		order := map[string][]string{}
		for _, event := range f.seen() {
			stream, rest, _ := strings.Cut(event, "/")
			order[stream] = append(order[stream], strings.TrimLeft(rest, "x"))
		}
		for s := range streams {
			got := slices.Compact(order[fmt.Sprint(s)]) // repeats stand beside each other
			var want []string
			for n := range each {
				want = append(want, fmt.Sprint(n))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stream %d (-want +got):\n%s", s, diff)
			}
		}
	})
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		state  outbox.State
		answer string
	}{
		"ok":                         {200, outbox.Delivered, `{"success": true}`},
		"a wrong token is told so":   {200, outbox.Delivered, `{"success": false}`},
		"accepted":                   {202, outbox.Delivered, ""},
		"redirects are not followed": {302, outbox.Refused, ""},
		"bad request":                {400, outbox.Refused, strings.Repeat("é", 400)},
		"too many":                   {429, outbox.Refused, ""},
		"not a status of HTTP":       {999, outbox.Refused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.Open(t, outbox.Migrations())
			f := newFront(t, func(_ string, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.answer))
			})
			o := start(t, db, quick())
			add(t, db, o, f.message("a", "PROGRESS"), f.message("a", "SUCCESS"))
			awaitStates(t, o, "a", tc.state, tc.state)
			if got := f.seen(); !slices.Equal(got, []string{"PROGRESS", "SUCCESS"}) {
				t.Errorf("the front saw %v, want each event once", got)
			}
			d := deliveries(t, o, "a")[0]
			if d.Status != tc.status || d.Attempts != 1 || len(d.Answer) > 500 || !strings.HasPrefix(tc.answer, d.Answer) {
				t.Errorf("delivery = %+v, want status %d at the first attempt and at most 500 bytes of the answer", d, tc.status)
			}
		})
	}
}

func TestServerErrorsAndDeadFrontsAreTriedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var mu sync.Mutex
		tries := 0
		f := newFront(t, func(_ string, w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			tries++
			switch tries {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				panic(http.ErrAbortHandler) // the connection breaks
			case 3:
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		var pauses []int
		cfg := quick()
		cfg.Backoff = func(attempt int) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, attempt)
			return time.Millisecond
		}
		o := start(t, db, cfg)
		add(t, db, o, f.message("a", "SUCCESS"))
		awaitStates(t, o, "a", outbox.Delivered)
		if d := deliveries(t, o, "a")[0]; d.Attempts != 4 || d.Status != 200 || d.Error != "" || d.NextAt != nil || d.SettledAt == nil {
			t.Errorf("delivery = %+v, want 4 attempts and no error left", d)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(pauses, []int{1, 2, 3}) {
			t.Errorf("pauses after attempts %v, want 1 2 3", pauses)
		}
	})
}

func TestAMessageIsGivenUpAndTheNextOneTried(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	var ahead, tries atomic.Int64
	f := newFront(t, func(event string, w http.ResponseWriter, _ *http.Request) {
		if event == "PROGRESS" {
			if tries.Add(1) == 3 {
				ahead.Store(int64(25 * time.Hour))
			}
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	cfg := quick()
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	o := start(t, db, cfg)
	add(t, db, o, f.message("a", "PROGRESS"), f.message("a", "SUCCESS"))
	awaitStates(t, o, "a", outbox.Failed, outbox.Delivered)
	if d := deliveries(t, o, "a")[0]; d.Attempts != 3 || d.Error != "the receiver answered 500 Internal Server Error" {
		t.Errorf("delivery = %+v, want 3 attempts and what was answered", d)
	}
}

func TestAFinalMessageThatWasTakenIsNotSentAgain(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	release := make(chan struct{})
	f := newFront(t, func(_ string, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	cfg := quick()
	cfg.ResponseTimeout = 100 * time.Millisecond
	o := start(t, db, cfg)
	add(t, db, o, f.message("final", "SUCCESS"))
	awaitStates(t, o, "final", outbox.Unanswered)
	if n := len(f.seen()); n != 1 {
		t.Errorf("the front saw the final message %d times, want 1", n)
	}
	add(t, db, o, f.message("a", "PROGRESS"))
	await(t, "a second attempt", func() bool { return deliveries(t, o, "a")[0].Attempts > 1 })
	close(release)
	awaitStates(t, o, "a", outbox.Delivered)
}

func TestNothingAfterTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		f := newFront(t, nil)
		o := start(t, db, quick())
		add(t, db, o, f.message("a", "STARTED"), f.message("a", "SUCCESS"), f.message("a", "STARTED"))
		awaitStates(t, o, "a", outbox.Delivered, outbox.Delivered)
		add(t, db, o, f.message("a", "PROGRESS"))
		silence(t, db, o, "b") // before its first message
		add(t, db, o, f.message("b", "STARTED"))
		add(t, db, o, f.message("c", "SUCCESS"))
		awaitStates(t, o, "c", outbox.Delivered)
		if got := f.seen(); !slices.Equal(got, []string{"STARTED", "SUCCESS", "SUCCESS"}) {
			t.Errorf("the front saw %v, want nothing after the ends", got)
		}
		if n := len(deliveries(t, o, "a")) + len(deliveries(t, o, "b")); n != 2 {
			t.Errorf("%d messages are stored, want 2", n)
		}
	})
}

func TestARolledBackMessageNeverLeaves(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		f := newFront(t, nil)
		o := start(t, db, quick())
		refused := errors.New("refused")
		err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			if err := o.Add(ctx, tx, f.message("a", "SUCCESS")); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		add(t, db, o, f.message("b", "SUCCESS"))
		awaitStates(t, o, "b", outbox.Delivered)
		if got := f.seen(); len(got) != 1 || len(deliveries(t, o, "a")) != 0 {
			t.Errorf("the front saw %v, want one event", got)
		}
	})
}

func TestSilenceWhileAPostIsOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		arrived, broken := make(chan struct{}), make(chan struct{})
		f := newFront(t, func(event string, _ http.ResponseWriter, r *http.Request) {
			if event != "PROGRESS" {
				return
			}
			close(arrived)
			<-r.Context().Done()
			close(broken)
		})
		cfg := quick()
		cfg.Lease = 300 * time.Millisecond
		o := start(t, db, cfg)
		add(t, db, o, f.message("a", "STARTED"), f.message("a", "PROGRESS"), f.message("a", "SUCCESS"))
		<-arrived
		silence(t, db, o, "a")
		<-broken // within a renewal of the lease
		add(t, db, o, f.message("a", "ERROR"), f.message("b", "SUCCESS"))
		awaitStates(t, o, "b", outbox.Delivered)
		awaitStates(t, o, "a", outbox.Delivered, outbox.Silenced, outbox.Silenced)
		if got := f.seen(); !slices.Equal(got, []string{"STARTED", "PROGRESS", "SUCCESS"}) {
			t.Errorf("the front saw %v, want nothing of the silenced stream", got)
		}
	})
}

func TestAStartedIsDroppedForWhatFollows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		f := newFront(t, func(event string, w http.ResponseWriter, _ *http.Request) {
			if event == "STARTED" {
				w.WriteHeader(http.StatusBadGateway)
			}
		})
		cfg := quick()
		cfg.Backoff = func(int) time.Duration { return time.Hour }
		o := start(t, db, cfg)
		m := f.message("a", "STARTED")
		m.Droppable = true
		add(t, db, o, m)
		await(t, "the pause after a failed attempt", func() bool { return deliveries(t, o, "a")[0].Status == http.StatusBadGateway })
		add(t, db, o, f.message("a", "SUCCESS"))
		awaitStates(t, o, "a", outbox.Dropped, outbox.Delivered)
	})
}

func TestGraceHoldsAllOfAStream(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	f := newFront(t, nil)
	o := start(t, db, quick())
	began := time.Now()
	const grace = 250 * time.Millisecond
	m := f.message("a", "STARTED")
	m.NotBefore = began.Add(grace)
	far := f.message("b", "STARTED")
	far.NotBefore = began.Add(time.Hour)
	add(t, db, o, m, f.message("a", "SUCCESS"), far)
	if next := deliveries(t, o, "b")[0].NextAt; next == nil || !next.Equal(far.NotBefore.Truncate(time.Microsecond)) {
		t.Errorf("next attempt at %v, want %v", next, far.NotBefore)
	}
	awaitStates(t, o, "a", outbox.Delivered, outbox.Delivered)
	if at := deliveries(t, o, "a")[0].AttemptedAt; at.Sub(began) < grace {
		t.Errorf("the first message left after %v, want %v", at.Sub(began), grace)
	}
}

func TestAFrontMayCallBackWhileAPostIsOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var o *outbox.Outbox
		var f *front
		f = newFront(t, func(event string, _ http.ResponseWriter, _ *http.Request) {
			if event == "SUCCESS" { // as a pipeline starts its next task
				add(t, db, o, f.message("second", "STARTED"))
				awaitStates(t, o, "second", outbox.Delivered)
			}
		})
		o = start(t, db, quick())
		add(t, db, o, f.message("first", "SUCCESS"))
		awaitStates(t, o, "first", outbox.Delivered)
	})
}

func TestADeliveryThatItsProcessLeftIsResumed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var once sync.Once
		arrived, release := make(chan struct{}), make(chan struct{})
		f := newFront(t, func(_ string, _ http.ResponseWriter, r *http.Request) {
			first := false
			once.Do(func() { first = true })
			if first {
				close(arrived)
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
		})
		cfg := quick()
		cfg.Grace = time.Millisecond
		dying := outbox.New(db, cfg)
		if err := dying.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		add(t, db, dying, f.message("a", "PROGRESS"), f.message("a", "SUCCESS"))
		<-arrived
		dying.Stop() // breaks the open POST off
		close(release)
		if got := states(t, dying, "a"); !slices.Equal(got, []outbox.State{outbox.Pending, outbox.Pending}) {
			t.Fatalf("states after Stop = %v, want both pending", got)
		}
		o := start(t, db, quick())
		awaitStates(t, o, "a", outbox.Delivered, outbox.Delivered)
		if got := f.seen(); !slices.Equal(got, []string{"PROGRESS", "PROGRESS", "SUCCESS"}) {
			t.Errorf("the front saw %v, want the broken one twice", got)
		}
	})
}

func TestALeaseThatRanOutIsTakenOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		f := newFront(t, nil)
		o := outbox.New(db, quick())
		add(t, db, o, f.message("a", "PROGRESS"), f.message("a", "SUCCESS"))
		// As a process leaves it that is killed while its POST is open.
		lease := func(until time.Time) {
			err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
				_, err := tx.NewRaw("UPDATE outbox_messages SET version = version + 1, attempts = 1, lease_until = ? WHERE seq = 1", until.UTC()).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		lease(time.Now().Add(200 * time.Millisecond))
		if d := deliveries(t, o, "a")[0]; !d.Open || d.NextAt != nil {
			t.Errorf("delivery = %+v, want it open", d)
		}
		o = start(t, db, quick())
		awaitStates(t, o, "a", outbox.Delivered, outbox.Delivered)
		if d := deliveries(t, o, "a")[0]; d.Attempts != 2 {
			t.Errorf("attempts = %d, want the dead one counted too", d.Attempts)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	o := outbox.New(db, outbox.Config{MaxBody: 100, MaxPending: 3})
	good := outbox.Message{Stream: "a", URL: "http://127.0.0.1:1/x", Body: []byte(`{}`)}
	for name, tc := range map[string]struct {
		change func(m *outbox.Message)
		kind   fault.Kind
	}{
		"no stream":     {func(m *outbox.Message) { m.Stream = "" }, fault.Invalid},
		"long stream":   {func(m *outbox.Message) { m.Stream = strings.Repeat("a", 201) }, fault.Invalid},
		"no URL":        {func(m *outbox.Message) { m.URL = "" }, fault.Invalid},
		"relative URL":  {func(m *outbox.Message) { m.URL = "/watch" }, fault.Invalid},
		"no host":       {func(m *outbox.Message) { m.URL = "http:///watch" }, fault.Invalid},
		"file URL":      {func(m *outbox.Message) { m.URL = "file:///etc/passwd" }, fault.Invalid},
		"line break":    {func(m *outbox.Message) { m.URL = "http://h/a\r\nX: y" }, fault.Invalid},
		"long URL":      {func(m *outbox.Message) { m.URL = "http://h/" + strings.Repeat("a", outbox.MaxURLBytes) }, fault.Invalid},
		"no JSON":       {func(m *outbox.Message) { m.Body = []byte("hello") }, fault.Invalid},
		"no UTF-8":      {func(m *outbox.Message) { m.Body = []byte("\"\xff\"") }, fault.Invalid},
		"empty body":    {func(m *outbox.Message) { m.Body = nil }, fault.Invalid},
		"too long body": {func(m *outbox.Message) { m.Body = bytes.Repeat([]byte("1"), 101) }, fault.TooLarge},
	} {
		m := good
		tc.change(&m)
		err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error { return o.Add(ctx, tx, m) })
		if !fault.Is(err, tc.kind) {
			t.Errorf("%s: Add = %v, want kind %v", name, err, tc.kind)
		}
	}
	for range 3 {
		add(t, db, o, good)
	}
	if err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error { return o.Add(ctx, tx, good) }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Add to a full stream = %v, want Unavailable", err)
	}
	good.Final = true
	add(t, db, o, good)
}

func TestNoSecretIsShownOrLogged(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	var mu sync.Mutex
	var logged bytes.Buffer
	cfg := quick()
	cfg.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &logged}, nil))
	cfg.Secret = []byte("hunter2")
	cfg.WarnBody = 1
	o := start(t, db, cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	add(t, db, o, outbox.Message{Stream: "a", URL: "http://me:hunter2@" + dead + "/watch?x&token=hunter2#hunter2", Body: []byte(`{"x":"hunter2"}`)})
	await(t, "a failed attempt", func() bool { return deliveries(t, o, "a")[0].Attempts > 1 })
	d := deliveries(t, o, "a")[0]
	if want := "http://me:xxxxx@" + dead + "/watch?…&token=…"; d.URL != want || strings.Contains(fmt.Sprint(d), "hunter2") || d.Error == "" {
		t.Errorf("delivery = %+v, want the address %s and the reason", d, want)
	}
	o.Stop()
	mu.Lock()
	defer mu.Unlock()
	if text := logged.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "callback not delivered") {
		t.Errorf("log:\n%s\nwant the failure without the secret", text)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}
