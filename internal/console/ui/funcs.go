package ui

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
)

// funcs are the template functions of one language.
//
//	t "key" args…     message             n 1234      number      pct 0.5   percentage
//	icon "check"      inline icon         asset "x"   address     dict k v  arguments of a component
//	iso, utc, ago     times               with_query  an address with one query value changed
func (k *Kit) funcs(l *Locale, icons map[string]template.HTML) template.FuncMap {
	return template.FuncMap{
		"t":          l.T,
		"has":        l.Has,
		"n":          func(v any) string { return l.format(v) },
		"pct":        l.Percent,
		"score":      func(f float64) string { return l.Float(f, 2) },
		"bytes":      l.Bytes,
		"dict":       dict,
		"list":       func(items ...any) []any { return items },
		"asset":      k.Asset,
		"root":       func() string { return Root },
		"languages":  Languages,
		"upper":      strings.ToUpper,
		"iso":        func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"utc":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"day":        func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"clock":      func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"ago":        func(t time.Time) string { return l.Ago(k.cfg.Now().Sub(t)) },
		"duration":   l.Duration,
		"with_query": WithQuery,
		"initial":    initial,
		"short":      func(id string) string { return id[max(0, len(id)-8):] },
		"icon": func(name string) (template.HTML, error) {
			svg, ok := icons[name]
			if !ok {
				return "", fmt.Errorf("no icon %q", name)
			}
			return svg, nil
		},
		"state_icon": StateIcon,
		// kind is a job kind in words, where its bundle has any.
		"kind": func(kind string) string {
			if l.Has("job." + kind) {
				return l.T("job." + kind)
			}
			return kind
		},
		"result": func(kind, jobID string) *NavItem {
			item, ok := k.results[kind]
			if !ok {
				return nil
			}
			item.Href = strings.ReplaceAll(item.Href, "{job}", url.PathEscape(jobID))
			return &item
		},
	}
}

// dict builds the argument of a component from name and value pairs.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict needs pairs")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict key %v is not text", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// WithQuery returns address with one query value set, or removed when empty.
func WithQuery(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	q := u.Query()
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// StateIcon is the icon of a job, box or model state, so that a state is
// never told by colour alone.
func StateIcon(state string) string {
	switch state {
	case "succeeded", "verified", "confirmed", "active", "ready", "ok", "delivered":
		return "check"
	case "failed", "timed_out", "lost", "refused", "unanswered", "unreachable", "unready":
		return "alert"
	case "running":
		return "spin"
	case "cancelled", "dropped", "silenced", "rejected", "disabled", "revoked", "expired", "retired":
		return "slash"
	case "corrected":
		return "pencil"
	}
	return "clock"
}

// Duration writes a span in its two largest units at most: 3 min 20 s.
func (l *Locale) Duration(d time.Duration) string {
	d = d.Round(time.Millisecond)
	switch {
	case d < 0:
		return "0\u00a0s"
	case d < time.Second:
		return l.Int(d.Milliseconds()) + "\u00a0ms"
	case d < 10*time.Second:
		return l.Float(d.Seconds(), 1) + "\u00a0s"
	case d < time.Minute:
		return l.Int(int64(d.Seconds())) + "\u00a0s"
	case d < time.Hour:
		return l.Int(int64(d/time.Minute)) + "\u00a0min " + l.Int(int64(d%time.Minute/time.Second)) + "\u00a0s"
	case d < 48*time.Hour:
		return l.Int(int64(d/time.Hour)) + "\u00a0h " + l.Int(int64(d%time.Hour/time.Minute)) + "\u00a0min"
	}
	return l.T("time.days", int64(d/(24*time.Hour)))
}

// Ago writes how long ago something was, in one unit.
func (l *Locale) Ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return l.T("time.now")
	case d < time.Hour:
		return l.T("time.minutes_ago", int64(d/time.Minute))
	case d < 24*time.Hour:
		return l.T("time.hours_ago", int64(d/time.Hour))
	}
	return l.T("time.days_ago", int64(d/(24*time.Hour)))
}
