package vision_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
)

func TestListingsFollowChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		second, err := b.CreateSet(b.owner, "second")
		must(t, err)
		type line struct {
			Name                string
			Inferred, Validated []bool
		}
		read := func() []line {
			listings, err := b.Listings(b.owner, b.ownerID)
			must(t, err)
			out := make([]line, len(listings))
			for i, l := range listings {
				out[i].Name = l.Name
				for _, p := range l.Pictures {
					out[i].Inferred = append(out[i].Inferred, p.Inferred)
					out[i].Validated = append(out[i].Validated, p.Validated)
				}
			}
			return out
		}
		check := func(what string, want ...line) {
			t.Helper()
			if diff := cmp.Diff(want, read()); diff != "" {
				t.Errorf("Listings after %s (-want +got):\n%s", what, diff)
			}
		}
		check("creating", line{Name: "General"}, line{Name: "second"})
		inference := b.classify(t, second.ID, left)
		check("classifying", line{Name: "General"}, line{"second", []bool{true}, []bool{false}})
		_, err = b.UploadPicture(b.owner, second.ID, "x.png", picture(t, 77))
		must(t, err)
		check("uploading", line{Name: "General"}, line{"second", []bool{true, false}, []bool{false, false}})
		_, err = b.Confirm(b.owner, inference.ID, []string{inference.Boxes[0].ID})
		must(t, err)
		check("confirming", line{Name: "General"}, line{"second", []bool{true, false}, []bool{true, false}})
		must(t, b.DeletePicture(b.owner, inference.PictureID))
		check("deleting a picture", line{Name: "General"}, line{"second", []bool{false}, []bool{false}})
		must(t, b.RenameSet(b.owner, second.ID, "renamed"))
		check("renaming", line{Name: "General"}, line{"renamed", []bool{false}, []bool{false}})
		must(t, b.DeleteSet(b.owner, second.ID))
		check("deleting the set", line{Name: "General"})
		b.sound(t)
	})
}

func TestSetNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		for _, name := range []string{"", " ", ".", "..", "a/b", "tab\there", "nul\x00", "bad\xff", strings.Repeat("x", 201)} {
			if _, err := b.CreateSet(b.owner, name); !fault.Is(err, fault.Invalid) {
				t.Errorf("CreateSet(%q) = %v, want invalid", name, err)
			}
		}
		for _, name := range []string{"plain", "été 2024", strings.Repeat("x", 200), "a.b", `quote"d`} {
			if _, err := b.CreateSet(b.owner, name); err != nil {
				t.Errorf("CreateSet(%q) = %v, want no error", name, err)
			}
		}
		_, err := b.CreateSet(b.owner, "plain")
		wantError(t, "CreateSet of a taken name", err, vision.ErrSetExists)
		if _, err := b.CreateSet(b.other, "plain"); err != nil {
			t.Errorf("CreateSet of another's name = %v, want no error", err)
		}
	})
}

func TestDeleteAndArchive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		home, err := b.DefaultSet(b.owner)
		must(t, err)
		wantError(t, "DeleteSet(General)", b.DeleteSet(b.owner, home.ID), vision.ErrDefaultSet)
		wantError(t, "DeleteSetWithArchive(General)", b.DeleteSetWithArchive(b.owner, home.ID), vision.ErrDefaultSet)
		set, err := b.CreateSet(b.owner, "trial")
		must(t, err)
		wantError(t, "DeleteSet by another", b.DeleteSet(b.other, set.ID), vision.ErrNotOwner)
		wantError(t, "archive without its account", b.DeleteSetWithArchive(b.owner, set.ID), vision.ErrNoArchive)
		keeper := identity.With(t.Context(), b.account(t, archiveEmail, identity.Member))
		kept := b.classify(t, set.ID, left)
		_, err = b.Confirm(b.owner, kept.ID, []string{kept.Boxes[0].ID})
		must(t, err)
		dropped := b.classify(t, set.ID, left)
		must(t, b.DeleteSetWithArchive(b.owner, set.ID))
		if _, _, err := b.PictureBytes(keeper, kept.PictureID); err != nil {
			t.Errorf("PictureBytes of an archived picture = %v, want no error", err)
		}
		_, _, err = b.Picture(b.owner, dropped.PictureID)
		wantError(t, "Picture of a deleted set", err, vision.ErrNoPicture)
		wantError(t, "DeleteSet again", b.DeleteSet(b.owner, set.ID), vision.ErrNoSet)
		b.sound(t)
	})
}

func TestBatchTakesEachPictureOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		session, err := b.StartBatch(b.owner, "", 3)
		must(t, err)
		if session.Name != session.ID {
			t.Errorf("unnamed batch is called %q, want its id", session.Name)
		}
		upload := func(shade int) error {
			return b.UploadBatch(b.owner, vision.BatchPicture{SessionID: session.ID, SeedName: "Brassica napus", Data: picture(t, shade)})
		}
		var wait sync.WaitGroup
		for i := range 12 { // each of three files four times, as the front end does
			wait.Go(func() {
				if err := upload(i % 3); err != nil {
					t.Errorf("UploadBatch(%d) = %v, want no error", i%3, err)
				}
			})
		}
		wait.Wait()
		if got := b.pictures(t); got != 3 {
			t.Errorf("batch holds %d pictures, want 3", got)
		}
		wantError(t, "UploadBatch of a fourth picture", upload(3), vision.ErrSessionFull)
		b.clock.advance(25 * time.Hour)
		if err := upload(1); err != nil {
			t.Errorf("UploadBatch of a known picture after expiry = %v, want no error", err)
		}
		later, err := b.StartBatch(b.owner, "named", 5)
		must(t, err)
		wantError(t, "UploadBatch by another", b.UploadBatch(b.other, vision.BatchPicture{SessionID: later.ID, SeedName: "x", Data: picture(t, 8)}), vision.ErrNotOwner)
		wantError(t, "UploadBatch with an unknown seed", b.UploadBatch(b.owner, vision.BatchPicture{SessionID: later.ID, SeedID: "none", Data: picture(t, 8)}), vision.ErrNoSeed)
		b.clock.advance(25 * time.Hour)
		wantError(t, "UploadBatch after expiry", b.UploadBatch(b.owner, vision.BatchPicture{SessionID: later.ID, SeedName: "x", Data: picture(t, 8)}), vision.ErrSessionOver)
		b.sound(t)
	})
}
