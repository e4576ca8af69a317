package vision_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/identity"
	"granary/internal/vision"
)

func TestMoveBoxLeavesItUnjudged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left, right)
		box := first.Boxes[0]
		moved, err := b.MoveBox(b.owner, first.ID, box.ID, vision.Rect{TopX: 9, TopY: 8, BottomX: 1, BottomY: 2})
		must(t, err)
		if got, want := moved.Boxes[0].Rect(), (vision.Rect{TopX: 1, TopY: 2, BottomX: 9, BottomY: 8}); got != want || moved.Boxes[0].Reviewed() {
			t.Errorf("MoveBox = %v reviewed %t, want %v not reviewed", got, moved.Boxes[0].Reviewed(), want)
		}
		undone, err := b.Undo(b.owner, first.ID)
		must(t, err)
		if got := undone.Boxes[0].Rect(); got != box.Rect() {
			t.Errorf("Undo of MoveBox = %v, want %v", got, box.Rect())
		}
		_, err = b.Confirm(b.owner, first.ID, []string{box.ID})
		must(t, err)
		_, err = b.MoveBox(b.owner, first.ID, box.ID, box.Rect())
		wantError(t, "MoveBox of a verified box", err, vision.ErrBoxVerified)
		_, err = b.MoveBox(b.other, first.ID, box.ID, box.Rect())
		wantError(t, "MoveBox by a stranger", err, vision.ErrNotOwner)
		_, err = b.MoveBox(b.owner, first.ID, "none", box.Rect())
		wantError(t, "MoveBox of no box", err, vision.ErrNoBox)
		b.sound(t)
	})
}

func TestReopenBoxTakesTheVerdictBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left)
		id := first.Boxes[0].ID
		done, err := b.Confirm(b.owner, first.ID, []string{id})
		must(t, err)
		if !done.Verified {
			t.Fatal("inference is not verified after its only box was")
		}
		open, err := b.ReopenBox(b.owner, first.ID, id)
		must(t, err)
		row, _, err := b.Picture(b.owner, first.PictureID)
		must(t, err)
		if open.Verified || open.Boxes[0].Reviewed() || !open.Boxes[0].ReviewedAt.IsZero() || row.Validated {
			t.Errorf("ReopenBox left inference %t, box %t, picture %t verified, want none", open.Verified, open.Boxes[0].Reviewed(), row.Validated)
		}
		again, err := b.Undo(b.owner, first.ID)
		must(t, err)
		if !again.Verified {
			t.Error("Undo of ReopenBox did not bring the verdict back")
		}
		_, err = b.ReopenBox(b.other, first.ID, id)
		wantError(t, "ReopenBox by a stranger", err, vision.ErrNotOwner)
		b.sound(t)
	})
}

func TestDrawBoxAfterEverythingWasReviewed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left)
		_, err := b.Confirm(b.owner, first.ID, []string{first.Boxes[0].ID})
		must(t, err)
		drawn, err := b.DrawBox(b.owner, first.ID, "Zizania palustris", vision.Rect{TopX: 1, TopY: 2, BottomX: 9, BottomY: 8})
		must(t, err)
		want := []summary{{"Ambrosia trifida", true, false, false}, {"Zizania palustris", true, false, true}}
		if diff := cmp.Diff(want, summarise(drawn)); diff != "" || !drawn.Verified {
			t.Errorf("DrawBox verified %t (-want +got):\n%s", drawn.Verified, diff)
		}
		_, err = b.DrawBox(b.owner, first.ID, "Zizania palustris", vision.Rect{TopX: 1, TopY: 2, BottomX: 1, BottomY: 8})
		if err == nil {
			t.Error("DrawBox without a width = nil, want an error")
		}
		b.sound(t)
	})
}

func TestDefaultSetAndRights(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		user, err := b.users.CreateUser(system(t), identity.NewUser{Email: "bare@lab.example"})
		must(t, err)
		bare := identity.With(t.Context(), user.Principal("test"))
		set, err := b.DefaultSet(bare)
		must(t, err)
		again, err := b.DefaultSet(bare)
		must(t, err)
		if set.ID == "" || set.ID != again.ID || set.Kind != vision.DefaultSet {
			t.Errorf("DefaultSet = %v, then %v, want the same default set", set, again)
		}
		steward := identity.With(t.Context(), identity.Principal{UserID: user.ID, Role: identity.Steward})
		other, err := b.DefaultSet(b.other)
		must(t, err)
		for _, tc := range []struct {
			who  string
			ctx  context.Context
			set  vision.PictureSet
			want vision.Rights
		}{
			{"the owner", bare, set, vision.Rights{Review: true, Manage: true}},
			{"somebody else", b.owner, set, vision.Rights{}},
			{"a steward", steward, other, vision.Rights{Review: true}},
		} {
			got, err := b.Rights(tc.ctx, tc.set)
			must(t, err)
			if got != tc.want {
				t.Errorf("Rights of %s = %+v, want %+v", tc.who, got, tc.want)
			}
		}
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left)
		_, err := b.Confirm(b.owner, first.ID, []string{first.Boxes[0].ID})
		must(t, err)
		b.classify(t, "General", right)
		stranger, _ := identity.From(b.other)
		steward := identity.With(t.Context(), identity.Principal{UserID: stranger.UserID, Role: identity.Steward})
		for _, tc := range []struct {
			who  string
			ctx  context.Context
			want []vision.Owner
		}{
			{"the owner", b.owner, []vision.Owner{{ID: b.ownerID, Email: "owner@lab.example", Pictures: 2, Validated: 1}}},
			{"somebody else", b.other, []vision.Owner{{ID: stranger.UserID, Email: "other@lab.example"}}},
			{"a steward", steward, []vision.Owner{
				{ID: stranger.UserID, Email: "other@lab.example"},
				{ID: b.ownerID, Email: "owner@lab.example", Pictures: 2, Validated: 1},
			}},
		} {
			got, err := b.Owners(tc.ctx)
			must(t, err)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Owners for %s (-want +got):\n%s", tc.who, diff)
			}
		}
	})
}
