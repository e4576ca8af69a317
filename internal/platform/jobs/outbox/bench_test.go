package outbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs/outbox"
)

func backlog(b *testing.B, streams, each int, m outbox.Message) (*database.DB, *outbox.Outbox) {
	b.Helper()
	db := databasetest.Open(b, outbox.Migrations())
	o := outbox.New(db, outbox.Config{})
	err := db.InTx(b.Context(), func(ctx context.Context, tx database.Tx) error {
		for s := range streams {
			m.Stream = strconv.Itoa(s)
			for range each {
				if err := o.Add(ctx, tx, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return db, o
}

// BenchmarkDeliver sends messages of 64 streams to a front that answers at once.
func BenchmarkDeliver(b *testing.B) {
	arrived := make(chan struct{}, 64)
	front := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	const streams = 64
	_, o := backlog(b, streams, b.N/streams+1, outbox.Message{URL: front.URL, Body: []byte(`{"event":"PROGRESS"}`)})
	b.ResetTimer()
	if err := o.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		<-arrived
	}
	b.StopTimer()
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for range arrived {
		}
	}()
	o.Stop()
	front.Close()
	close(arrived)
	<-rest
}

// BenchmarkLook is one look for what is due while 5,000 streams of four messages
// each wait.
func BenchmarkLook(b *testing.B) {
	_, o := backlog(b, 5000, 4, outbox.Message{URL: "http://127.0.0.1:1", Body: []byte(`{}`), NotBefore: time.Now().Add(time.Hour)})
	for b.Loop() {
		if err := o.Look(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
