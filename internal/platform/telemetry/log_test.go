package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/telemetry"
)

func TestLogCarriesIDs(t *testing.T) {
	t.Parallel()
	ctx := telemetry.Tag(context.Background(), telemetry.RequestID, "r1")
	ctx = telemetry.Tag(ctx, telemetry.UserID, "")
	outer := telemetry.Tag(ctx, telemetry.UserID, "u1")
	inner := telemetry.Tag(outer, telemetry.RequestID, "r2")
	for name, test := range map[string]struct {
		log  func(*slog.Logger)
		want string
	}{
		"no context": {func(l *slog.Logger) { l.Info("m", "a", 1) }, `{"level":"INFO","msg":"m","a":1}`},
		"one id":     {func(l *slog.Logger) { l.InfoContext(ctx, "m") }, `{"level":"INFO","msg":"m","request_id":"r1"}`},
		"both":       {func(l *slog.Logger) { l.InfoContext(outer, "m") }, `{"level":"INFO","msg":"m","request_id":"r1","user_id":"u1"}`},
		"replaced":   {func(l *slog.Logger) { l.InfoContext(inner, "m") }, `{"level":"INFO","msg":"m","user_id":"u1","request_id":"r2"}`},
		"attributes": {func(l *slog.Logger) { l.With("a", 1).InfoContext(ctx, "m", "b", 2) }, `{"level":"INFO","msg":"m","a":1,"b":2,"request_id":"r1"}`},
		"in a group": {
			func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "m", "c", 3) },
			`{"level":"INFO","msg":"m","a":1,"request_id":"r1","g":{"b":2,"c":3}}`,
		},
		"group without name": {func(l *slog.Logger) { l.WithGroup("").InfoContext(ctx, "m", "c", 3) }, `{"level":"INFO","msg":"m","c":3,"request_id":"r1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			test.log(telemetry.NewLogger(&out, telemetry.LogConfig{}))
			_, got, _ := strings.Cut(out.String(), ",") // after the time
			if diff := cmp.Diff(test.want+"\n", "{"+got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
	if got := telemetry.Tagged(inner, telemetry.RequestID) + telemetry.Tagged(ctx, telemetry.UserID); got != "r2" {
		t.Errorf("Tagged = %q, want r2", got)
	}
}

func TestLogFormatAndLevel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg  telemetry.LogConfig
		want string // of the two lines' messages
	}{
		{telemetry.LogConfig{}, `"msg":"high"`},
		{telemetry.LogConfig{Level: "nonsense", Format: "json"}, `"msg":"high"`},
		{telemetry.LogConfig{Level: "debug", Format: "text"}, `msg=low`},
		{telemetry.LogConfig{Level: "error"}, ``},
	} {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, test.cfg)
		log.Debug("low")
		log.Warn("high")
		if got := out.String(); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("NewLogger(%+v) wrote %q, want %q in it", test.cfg, got, test.want)
		}
		if low := strings.Contains(out.String(), "low"); low != (test.cfg.Level == "debug") {
			t.Errorf("NewLogger(%+v) wrote the debug line: %t", test.cfg, low)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	const canary = "canary-7c21"
	var out bytes.Buffer
	for _, format := range []string{"text", "json"} {
		log := telemetry.NewLogger(&out, telemetry.LogConfig{Format: format})
		log.Info("m", "password", canary, "api_key", canary, "Authorization", canary,
			slog.Group("request", "session_cookie", canary, "csrf_token", canary))
		log.With("azure_connection_string", canary).Info("m", "token_count", 3)
	}
	if strings.Contains(out.String(), canary) {
		t.Errorf("a secret is shown in\n%s", out.String())
	}
	if !strings.Contains(out.String(), "token_count=3") {
		t.Error("token_count, which is no secret, is masked")
	}
}
