package blob_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, []database.Migrations{blob.Migrations()}, func(t *testing.T, db *database.DB) {
		folder := t.TempDir()
		bucket, err := dir.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		b := &bundle{Store: blob.NewStore(db, bucket, blob.StoreConfig{}), db: db, bucket: bucket}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		for _, key := range []string{"a/changed", "a/short", "a/long", "a/lost", "a/good"} {
			b.publish(t, b.put(t, key, "seed"))
		}
		b.put(t, "a/pending", "seed")
		b.publish(t, b.put(t, "a/doomed", "seed"))
		b.doom(t, "a/doomed")
		for name, text := range map[string]string{
			"changed": "sEed", "short": "see", "long": "seeds", "orphan": "x", ".tmp-DEAD": "x",
		} {
			if err := os.WriteFile(filepath.Join(folder, "a", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(folder, "a", "lost")); err != nil {
			t.Fatal(err)
		}
		var found []string
		checked, err := b.Check(t.Context(), func(key, what string) {
			what, _, _ = strings.Cut(what, " digest")
			found = append(found, key+": "+what)
		})
		if err != nil {
			t.Fatalf("Check: %v", err)
		}
		slices.Sort(found)
		want := []string{
			"a/.tmp-DEAD: is a temporary file of a writer that died",
			"a/changed: object a/changed has",
			"a/long: object a/long has at least 5 bytes, recorded are 4",
			"a/lost: object a/lost is recorded but its bytes are missing",
			"a/orphan: is in the bucket and in no row",
			"a/short: object a/short has at least 3 bytes, recorded are 4",
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if want := (blob.Checked{Objects: 5, Bytes: 20, Pending: 1, Doomed: 1}); checked != want {
			t.Errorf("Check = %+v, want %+v", checked, want)
		}
		for _, key := range []string{"a/changed", "a/short", "a/long", "a/lost"} {
			data, _, err := b.ReadAll(t.Context(), key)
			var corrupt *blob.CorruptError
			if !errors.As(err, &corrupt) || data != nil {
				t.Errorf("ReadAll(%s) = %q, %v, want no bytes and a corrupt error", key, data, err)
			}
		}
	})
}

func TestVerifyWithholdsTheEndOfABadObject(t *testing.T) {
	t.Parallel()
	good := blob.Object{Key: "k", Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"} // FIPS 180-2, B.1
	empty := blob.Object{Key: "k", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	for _, tc := range []struct {
		name   string
		body   string
		object blob.Object
		want   string
		bad    bool
	}{
		{"same bytes", "abc", good, "abc", false},
		{"empty", "", empty, "", false},
		{"other bytes", "abd", good, "ab", true},
		{"too short", "ab", good, "ab", true},
		{"too long", "abcd", good, "abc", true},
		{"not empty", "a", empty, "", true},
		{"empty with a wrong digest", "", blob.Object{Key: "k", SHA256: good.SHA256}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := blob.Verify(io.NopCloser(io.LimitReader(strings.NewReader(tc.body), 100)), tc.object)
			// One byte at a time: the digest must be judged at the right one.
			var got []byte
			var err error
			for err == nil {
				p := make([]byte, 1)
				var n int
				n, err = r.Read(p)
				got = append(got, p[:n]...)
			}
			var corrupt *blob.CorruptError
			if string(got) != tc.want || errors.As(err, &corrupt) != tc.bad || (!tc.bad && !errors.Is(err, io.EOF)) {
				t.Errorf("read %q, %v, want %q and corrupt %t", got, err, tc.want, tc.bad)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}
