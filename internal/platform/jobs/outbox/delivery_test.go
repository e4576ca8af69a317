package outbox_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs/outbox"
)

func TestRedeliver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var refuse atomic.Bool
		refuse.Store(true)
		f := newFront(t, func(event string, w http.ResponseWriter, _ *http.Request) {
			switch {
			case event == "DOWN":
				w.WriteHeader(http.StatusBadGateway)
			case refuse.Load():
				w.WriteHeader(http.StatusBadRequest)
			}
		})
		cfg := quick()
		cfg.Backoff = func(int) time.Duration { return time.Hour }
		o := start(t, db, cfg)
		add(t, db, o, f.message("a", "PROGRESS"), f.message("a", "SUCCESS"), f.message("down", "DOWN"))
		awaitStates(t, o, "a", outbox.Refused, outbox.Refused)
		refuse.Store(false)
		all := deliveries(t, o, "a")
		if err := o.Redeliver(t.Context(), all[0].ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("Redeliver of one that others followed = %v, want Conflict", err)
		}
		if err := o.Redeliver(t.Context(), all[1].ID); err != nil {
			t.Errorf("Redeliver = %v, want nil", err)
		}
		awaitStates(t, o, "a", outbox.Refused, outbox.Delivered)
		await(t, "a pause", func() bool { return deliveries(t, o, "down")[0].Status == http.StatusBadGateway })
		if err := o.Redeliver(t.Context(), deliveries(t, o, "down")[0].ID); err != nil {
			t.Errorf("Redeliver of one that waits = %v, want nil", err)
		}
		await(t, "an attempt at once", func() bool { return deliveries(t, o, "down")[0].Attempts == 2 })
		silence(t, db, o, "down")
		if err := o.Redeliver(t.Context(), deliveries(t, o, "down")[0].ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("Redeliver in a silenced stream = %v, want Conflict", err)
		}
		if err := o.Redeliver(t.Context(), "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("Redeliver(none) = %v, want NotFound", err)
		}
	})
}

func TestSettledMessagesAreForgotten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var ahead atomic.Int64
		f := newFront(t, nil)
		cfg := quick()
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		cfg.KeepSettled, cfg.KeepBytes, cfg.Retention = 3, 40, 24*time.Hour
		o := start(t, db, cfg)
		for _, stream := range []string{"a", "b", "c", "d"} {
			add(t, db, o, f.message(stream, "SUCCESS"))
			awaitStates(t, o, stream, outbox.Delivered)
		}
		held := outbox.Message{Stream: "held", URL: f.URL, Body: []byte(`{}`), NotBefore: time.Now().Add(1000 * time.Hour)}
		add(t, db, o, held)
		ahead.Store(int64(2 * time.Hour))
		await(t, "one message by number", func() bool { return len(deliveries(t, o, "a")) == 0 })
		count := func(table string) int {
			n, err := db.Reader().NewSelect().Table(table).Count(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		await(t, "one body by size", func() bool { return count("outbox_bodies") == 3 })
		if err := o.Redeliver(t.Context(), deliveries(t, o, "b")[0].ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("Redeliver without a body = %v, want Conflict", err)
		}
		add(t, db, o, f.message("a", "STARTED")) // the stream still knows that it ended
		ahead.Store(int64(48 * time.Hour))
		await(t, "all messages by age", func() bool { return len(deliveries(t, o, "d")) == 0 })
		await(t, "their streams", func() bool { return count("outbox_streams") == 1 })
		if got := f.seen(); len(got) != 4 || len(deliveries(t, o, "held")) != 1 {
			t.Errorf("the front saw %v and %v waits, want 4 events and one that waits", got, deliveries(t, o, "held"))
		}
		w, err := o.Waiting(t.Context())
		if want := (outbox.Waiting{Messages: 1, Streams: 1}); err != nil || w != want {
			t.Errorf("Waiting = %+v, %v, want %+v", w, err, want)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	f := newFront(t, nil)
	o := start(t, db, quick())
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(o.Collectors()...)
	add(t, db, o, f.message("a", "STARTED"), f.message("a", "SUCCESS"))
	awaitStates(t, o, "a", outbox.Delivered, outbox.Delivered)
	o.Stop()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("problems: %v, %v", problems, err)
	}
	for _, family := range families {
		if family.GetName() == "granary_outbox_attempts_total" && family.Metric[0].Counter.GetValue() != 2 {
			t.Errorf("attempts = %v, want 2", family.Metric)
		}
	}
	if len(families) != 2 {
		t.Errorf("%d families, want 2", len(families))
	}
}

func TestQueryPlans(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	for name, tc := range map[string]struct{ query, want string }{
		"look":       {strings.NewReplacer("LIMIT ?", "LIMIT 512", "?", "'2026'").Replace(outbox.HeadsQuery), "INDEX outbox_messages_pending (stream>?)"},
		"streams":    {"SELECT min(stream) FROM outbox_messages WHERE state = 'pending' AND stream > 'a'", "INDEX outbox_messages_pending (stream>?)"},
		"head":       {"SELECT id FROM outbox_messages AS m WHERE state = 'pending' AND stream = 'a' ORDER BY seq LIMIT 1", "INDEX outbox_messages_pending (stream=?)"},
		"deliveries": {"SELECT * FROM outbox_messages WHERE stream = 'a' ORDER BY seq DESC LIMIT 1000", "INDEX outbox_messages_order (stream=?)"},
		"old":        {"DELETE FROM outbox_messages WHERE settled_at < '2026'", "INDEX outbox_messages_settled (settled_at<?)"},
	} {
		var plan []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := db.Reader().NewRaw("EXPLAIN QUERY PLAN "+tc.query).Scan(t.Context(), &plan); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var details []string
		for _, step := range plan {
			details = append(details, step.Detail)
		}
		if got := strings.Join(details, "; "); !strings.Contains(got, tc.want) || strings.Contains(got, "SCAN outbox") || strings.Contains(got, "TEMP B-TREE") && name != "look" {
			t.Errorf("%s: plan = %q, want %q, no scan and no sorting of messages", name, got, tc.want)
		}
	}
}
