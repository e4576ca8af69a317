package secrets

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func newKey(t testing.TB, fill byte) *Key {
	t.Helper()
	key, err := ParseKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func seal(t testing.TB, key *Key, plain, context string) string {
	t.Helper()
	sealed, err := key.Seal([]byte(plain), context)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func TestSealedOpensAgain(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain")
		context := rapid.String().Draw(rt, "context")
		sealed, err := key.Seal(plain, context)
		if err != nil {
			rt.Fatalf("Seal: %v", err)
		}
		got, err := key.Open(sealed, context)
		if err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("Open(Seal(%x)) = %x, %v", plain, got, err)
		}
	})
}

func TestSealedIsNew(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	first, second := seal(t, key, "api key", "row/1"), seal(t, key, "api key", "row/1")
	if first == second {
		t.Error("the same value sealed twice gives the same text")
	}
	if !strings.HasPrefix(first, "granary1:") || strings.Contains(first, "api key") {
		t.Errorf("Seal = %q, want granary1: and no plain text", first)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	sealed := seal(t, key, "api key", "row/1")
	for name, test := range map[string]struct {
		key             *Key
		sealed, context string
	}{
		"another context": {key, sealed, "row/2"},
		"another key":     {newKey(t, 2), sealed, "row/1"},
		"another version": {key, "granary2:" + strings.TrimPrefix(sealed, version), "row/1"},
		"no version":      {key, strings.TrimPrefix(sealed, version), "row/1"},
		"shorter":         {key, sealed[:len(sealed)-4], "row/1"},
		"longer":          {key, sealed + "AAAA", "row/1"},
		"not base64":      {key, version + "~~~~", "row/1"},
		"only a nonce":    {key, version + strings.Repeat("A", 32), "row/1"},
		"empty":           {key, "", "row/1"},
		"too long":        {key, version + strings.Repeat("A", 3<<20), "row/1"},
		"line break":      {key, sealed + "\n", "row/1"},
	} {
		if got, err := test.key.Open(test.sealed, test.context); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("Open of %s = %q, %v, want ErrSealed", name, got, err)
		}
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(seal(t, key, "k", "c"), version))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		changed := bytes.Clone(raw)
		changed[bit/8] ^= 1 << (bit % 8)
		if _, err := key.Open(version+base64.RawStdEncoding.EncodeToString(changed), "c"); !errors.Is(err, ErrSealed) {
			t.Errorf("Open with bit %d flipped = %v, want ErrSealed", bit, err)
		}
	}
}

func TestSealFails(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	if _, err := key.Seal(make([]byte, maxPlain+1), "c"); err == nil {
		t.Error("Seal of more than 1 MiB = nil, want an error")
	}
	key.rand = iotest.ErrReader(errors.New("no entropy"))
	if sealed, err := key.Seal([]byte("k"), "c"); err == nil || sealed != "" {
		t.Errorf("Seal without randomness = %q, %v, want an error", sealed, err)
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), " " + base64.RawURLEncoding.EncodeToString(raw) + "\n",
	} {
		if _, err := ParseKey(text); err != nil {
			t.Errorf("ParseKey(%q) = %v", text, err)
		}
	}
	const canary = "canary-not-a-key"
	for _, text := range []string{"", canary, base64.StdEncoding.EncodeToString(raw[:31]), base64.StdEncoding.EncodeToString(append(raw, 0))} {
		_, err := ParseKey(text)
		if err == nil {
			t.Errorf("ParseKey(%q) = nil, want an error", text)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("ParseKey quotes the key: %v", err)
		}
	}
}

func TestKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder", "secret.key")
	first, err := OpenKeyFile(path)
	if err != nil {
		t.Fatalf("OpenKeyFile: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the key file = %o, want 600", got)
	}
	second, err := OpenKeyFile(path)
	if err != nil {
		t.Fatalf("OpenKeyFile again: %v", err)
	}
	if got, err := second.Open(seal(t, first, "k", "c"), "c"); err != nil || string(got) != "k" {
		t.Errorf("the key read again opens %q, %v, want k", got, err)
	}
	assertOnly(t, path)
}

// assertOnly checks that nothing but the key is left in its folder.
func assertOnly(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v, want the key file alone", entries)
	}
}

func TestConcurrentFirstUseEndsWithOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	keys := make([]*Key, 16)
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() {
			key, err := OpenKeyFile(path)
			if err != nil {
				t.Errorf("OpenKeyFile: %v", err)
			}
			keys[i] = key
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	sealed := seal(t, keys[0], "k", "c")
	for i, key := range keys {
		if _, err := key.Open(sealed, "c"); err != nil {
			t.Errorf("caller %d got another key: %v", i, err)
		}
	}
	assertOnly(t, path)
}

func TestKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	valid := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o644} {
		path := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(path, []byte(valid), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyFile(path); !errors.Is(err, ErrPermissions) {
			t.Errorf("OpenKeyFile of a file with mode %o = %v, want ErrPermissions", mode, err)
		}
	}
	for name, content := range map[string]string{"empty": "", "short": "AAAA", "long": strings.Repeat("A", 2*maxKeyFile)} {
		path := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyFile(path); err == nil {
			t.Errorf("OpenKeyFile of a file that is %s = nil, want an error", name)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("a file that is %s was changed: %v", name, err)
		}
	}
	if _, err := OpenKeyFile(t.TempDir()); err == nil {
		t.Error("OpenKeyFile of a folder = nil, want an error")
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyFile(filepath.Join(blocked, "secret.key")); err == nil {
		t.Error("OpenKeyFile below a file = nil, want an error")
	}
}

func FuzzOpen(f *testing.F) {
	key := newKey(f, 1)
	f.Add(seal(f, key, "k", "c"))
	f.Add(version)
	f.Add("granary1:AAAA")
	f.Fuzz(func(t *testing.T, sealed string) {
		plain, err := key.Open(sealed, "c")
		if err == nil && string(plain) != "k" {
			t.Errorf("Open(%q) = %q without having been sealed", sealed, plain)
		}
	})
}
