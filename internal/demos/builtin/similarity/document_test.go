package similarity

import (
	"strings"
	"testing"
)

func TestFileNameFitsAFileSystem(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 150)
	names := map[string]string{ // what they must begin with
		"cosine-wit1_man2-wit3_man4":        "cosine-wit1_man2-wit3_man4",
		"cosine-user~a-b":                   "cosine-user^a-b-",
		"cosine-" + long + "-" + long:       "cosine-",
		"cosine-" + long + "-" + long + "x": "cosine-",
	}
	seen := map[string]bool{}
	for name, prefix := range names {
		got := fileName(name)
		if !strings.HasPrefix(got, prefix) || len(got) > maxName || strings.ContainsAny(got, "~/") || seen[got] {
			t.Errorf("fileName(%q) = %q", name, got)
		}
		seen[got] = true
	}
	if got := fileName("cosine-wit1_man2-wit3_man4"); got != "cosine-wit1_man2-wit3_man4" {
		t.Errorf("a short name became %q", got)
	}
}

func TestResultURLEscapesWhatUidsMayHold(t *testing.T) {
	t.Parallel()
	const want = "http://h/similarity/e~cosine-xy%5E%3Fa=1&b=2-z/result"
	if got := resultURL("http://h", "e", "cosine-xy^?a=1&b=2-z"); got != want {
		t.Errorf("resultURL = %s, want %s", got, want)
	}
}
