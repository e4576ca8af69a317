package config

import (
	"reflect"
	"regexp"
	"testing"
)

func TestEveryKeyIsDescribed(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	variables := map[string]string{}
	for _, s := range sections() {
		for _, k := range s.keys {
			if k.desc == "" || s.desc == "" {
				t.Errorf("%s or its section has no desc", k.path)
			}
			last := k.path[len(s.path):]
			if s.path != "" {
				last = last[1:]
			}
			if !name.MatchString(last) {
				t.Errorf("key %q is not snake_case", last)
			}
			if other, taken := variables[k.variable()]; taken {
				t.Errorf("%s and %s share the variable %s", k.path, other, k.variable())
			}
			variables[k.variable()] = k.path
			for _, tag := range []string{k.fallback, k.min, k.max} {
				if tag == "" {
					continue
				}
				if err := decode(reflect.New(k.typ).Elem(), tag); err != nil {
					t.Errorf("tag of %s: %v", k.path, err)
				}
			}
		}
	}
	if len(variables) < 50 {
		t.Errorf("sections() found %d keys, want the whole of Config", len(variables))
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Bytes{
		"0": 0, "17": 17, "16MiB": 16 << 20, "1.5 KiB": 1536, "2GB": 2e9, "3kB": 3000, "5B": 5, " 1GiB ": 1 << 30,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5B", "1e30", "NaN", "inf", "16 mib"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		}
	}
}

func TestBytesString(t *testing.T) {
	t.Parallel()
	for size, want := range map[Bytes]string{0: "0", 1000: "1000", 1024: "1KiB", 40 << 20: "40MiB", 1 << 31: "2GiB"} {
		if got := size.String(); got != want {
			t.Errorf("Bytes(%d).String() = %q, want %q", int64(size), got, want)
		}
	}
}
