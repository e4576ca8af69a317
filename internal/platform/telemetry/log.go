package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// LogConfig says what is logged and how.
type LogConfig struct {
	// Level is debug, info, warn or error. Defaults to info.
	Level string
	// Format is text, json or auto, which is text on a terminal and JSON
	// elsewhere. Defaults to auto.
	Format string
}

// NewLogger returns a logger that writes to w. Its lines carry the ids that
// Tag put in the context, at the top level even inside a group. Attributes
// whose names say that they hold a secret are masked.
func NewLogger(w io.Writer, cfg LogConfig) *slog.Logger {
	var level slog.Level // the zero value is info
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: maskSecrets}
	var inner slog.Handler = slog.NewJSONHandler(w, options)
	if cfg.Format == "text" || cfg.Format != "json" && isTerminal(w) {
		inner = slog.NewTextHandler(w, options)
	}
	return slog.New(&handler{base: inner, current: inner})
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// The ids that log lines carry.
const (
	RequestID = "request_id"
	UserID    = "user_id"
	JobID     = "job_id"
)

type tagsKey struct{}

// Tag returns a context whose log lines carry the id, in place of an earlier
// one of the same name. An empty value adds nothing.
func Tag(ctx context.Context, name, value string) context.Context {
	if value == "" {
		return ctx
	}
	earlier, _ := ctx.Value(tagsKey{}).([]slog.Attr)
	tags := slices.DeleteFunc(slices.Clone(earlier), func(a slog.Attr) bool { return a.Key == name })
	return context.WithValue(ctx, tagsKey{}, append(tags, slog.String(name, value)))
}

// Tagged returns the id of that name, or "".
func Tagged(ctx context.Context, name string) string {
	tags, _ := ctx.Value(tagsKey{}).([]slog.Attr)
	for _, tag := range tags {
		if tag.Key == name {
			return tag.Value.String()
		}
	}
	return ""
}

// handler adds the ids of the context to each record.
type handler struct {
	base    slog.Handler // before the first group, where the ids belong
	current slog.Handler
	// after are the steps from base to current; empty outside a group.
	after []func(slog.Handler) slog.Handler
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.current.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	tags, _ := ctx.Value(tagsKey{}).([]slog.Attr)
	if len(tags) == 0 {
		return h.current.Handle(ctx, record)
	}
	if len(h.after) == 0 {
		record = record.Clone()
		record.AddAttrs(tags...)
		return h.current.Handle(ctx, record)
	}
	inner := h.base.WithAttrs(tags)
	for _, step := range h.after {
		inner = step(inner)
	}
	return inner.Handle(ctx, record)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.after) == 0 {
		inner := h.current.WithAttrs(attrs)
		return &handler{base: inner, current: inner}
	}
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h *handler) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return &handler{base: h.base, current: step(h.current), after: append(slices.Clip(h.after), step)}
}

// masked stands for a value that must not be read.
const masked = "[masked]"

// maskSecrets is the second line of defence: no secret is logged on purpose,
// and what slips through under a telling name is masked here.
func maskSecrets(_ []string, attr slog.Attr) slog.Attr {
	name := strings.ToLower(attr.Key)
	for _, telling := range []string{"password", "secret", "api_key", "apikey", "authorization", "cookie", "connection_string", "private_key", "decryption_key"} {
		if strings.Contains(name, telling) {
			return slog.String(attr.Key, masked)
		}
	}
	if name == "token" || strings.HasSuffix(name, "_token") {
		return slog.String(attr.Key, masked)
	}
	return attr
}
