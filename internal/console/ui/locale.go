package ui

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

// Languages lists what the console speaks; the first one is the default.
func Languages() []string { return []string{"en", "fr"} }

// Message is a text with {0}, {1} … places, or its forms by plural category.
// The category is chosen by the first argument (CLDR cardinal rules of English
// and French, of which only "one" and "other" occur below a million).
type Message struct{ One, Other string }

// UnmarshalJSON reads "text" or {"one": "…", "other": "…"}.
func (m *Message) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*m = Message{One: text, Other: text}
		return nil
	}
	var forms struct{ One, Other string }
	if err := json.Unmarshal(data, &forms); err != nil {
		return fmt.Errorf("message is neither text nor plural forms: %w", err)
	}
	if forms.One == "" || forms.Other == "" {
		return fmt.Errorf("plural message needs both forms: %s", data)
	}
	*m = Message(forms)
	return nil
}

// Locale is one language's messages and number format. Safe for concurrent use.
type Locale struct {
	Language string
	messages map[string]Message
}

func loadLocales(bundles []Bundle) (map[string]*Locale, error) {
	locales := map[string]*Locale{}
	for _, language := range Languages() {
		l := &Locale{Language: language, messages: map[string]Message{}}
		for _, b := range bundles {
			messages, err := ReadMessages(b.FS, language)
			if err != nil {
				return nil, fmt.Errorf("bundle %s: %w", b.Name, err)
			}
			for key, m := range messages {
				if _, taken := l.messages[key]; taken {
					return nil, fmt.Errorf("bundle %s: message %s is defined twice", b.Name, key)
				}
				l.messages[key] = m
			}
		}
		locales[language] = l
	}
	return locales, nil
}

// ReadMessages reads messages/<language>.json of a bundle's file system.
func ReadMessages(from fs.FS, language string) (map[string]Message, error) {
	data, err := fs.ReadFile(from, "messages/"+language+".json")
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	var messages map[string]Message
	if err := json.Unmarshal(data, &messages); err != nil {
		return nil, fmt.Errorf("parse messages of %s: %w", language, err)
	}
	return messages, nil
}

// LanguageCookie and ThemeCookie keep the visitor's choices.
const (
	LanguageCookie = "granary_language"
	ThemeCookie    = "granary_theme"
)

// Locale returns the language the visitor chose, else the first one of
// Accept-Language that the console speaks, else English.
func (k *Kit) Locale(r *http.Request) *Locale {
	if c, err := r.Cookie(LanguageCookie); err == nil {
		if l, ok := k.locales[c.Value]; ok {
			return l
		}
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l, ok := k.locales[base]; ok {
			return l
		}
	}
	return k.locales[Languages()[0]]
}

// T returns the message in this language with its places filled. A key that
// does not exist comes back as it is; package uitest finds those in tests.
func (l *Locale) T(key string, args ...any) string {
	m, ok := l.messages[key]
	if !ok {
		return key
	}
	text := m.Other
	if len(args) > 0 {
		if n, ok := whole(args[0]); ok && l.one(n) {
			text = m.One
		}
	}
	for i, arg := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", l.format(arg))
	}
	return text
}

// Has reports whether the key exists.
func (l *Locale) Has(key string) bool { _, ok := l.messages[key]; return ok }

// one follows CLDR: English has one for 1, French for 0 and 1.
func (l *Locale) one(n int64) bool { return n == 1 || (l.Language == "fr" && n == 0) }

func (l *Locale) format(arg any) string {
	if n, ok := whole(arg); ok {
		return l.Int(n)
	}
	if f, ok := arg.(float64); ok {
		return l.Float(f, 2)
	}
	return fmt.Sprint(arg)
}

func whole(arg any) (int64, bool) {
	switch n := arg.(type) {
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

// Int writes n with the language's group separator: 12,345 or 12 345.
func (l *Locale) Int(n int64) string {
	separator := ","
	if l.Language == "fr" {
		separator = "\u202f" // narrow no-break space
	}
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "\u2212", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + separator + digits[i:]
	}
	return sign + digits
}

// Float writes f with the language's decimal sign and the given places.
func (l *Locale) Float(f float64, places int) string {
	text := strconv.FormatFloat(f, 'f', places, 64)
	if l.Language == "fr" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return strings.Replace(text, "-", "\u2212", 1)
}

// Percent writes a share 0..1 as a percentage with one place: 87.5 %.
func (l *Locale) Percent(share float64) string {
	if l.Language == "fr" {
		return l.Float(share*100, 1) + "\u00a0%"
	}
	return l.Float(share*100, 1) + "%"
}

// Bytes writes a size in binary units: 1.5 MiB, 40 MiB.
func (l *Locale) Bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	if l.Language == "fr" {
		units = []string{"o", "Kio", "Mio", "Gio", "Tio"}
	}
	size, unit := float64(n), 0
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	if unit == 0 {
		return l.Int(n) + "\u00a0" + units[0]
	}
	text := l.Float(size, 1)
	if size == float64(int64(size)) {
		text = l.Int(int64(size))
	}
	return text + "\u00a0" + units[unit]
}
