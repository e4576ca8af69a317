package demos_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

func TestTasksAreListedInPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ctx := identity.With(t.Context(), identity.Principal{UserID: "u", Role: identity.Steward})
		want := make([]string, 3)
		for i := range want {
			want[2-i] = b.start(t, "", "one").ID
		}
		if err := b.Cancel(t.Context(), want[1]); err != nil {
			t.Fatal(err)
		}
		var got []string
		for filter := (demos.TaskFilter{App: "echo", Limit: 2}); ; {
			page, err := b.Tasks(ctx, filter)
			if err != nil {
				t.Fatalf("Tasks: %v", err)
			}
			for _, task := range page.Tasks {
				got = append(got, task.ID)
			}
			if filter.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tasks (-want +got):\n%s", diff)
		}
		page, err := b.Tasks(ctx, demos.TaskFilter{State: demos.Open})
		if err != nil || len(page.Tasks) != 2 || page.Tasks[0].State != demos.Waiting {
			t.Errorf("open tasks = %+v, %v; want two that wait", page.Tasks, err)
		}
		if _, err := b.Tasks(ctx, demos.TaskFilter{Cursor: "page 2"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Tasks with a made-up cursor = %v, want invalid", err)
		}
		member := identity.With(t.Context(), identity.Principal{UserID: "m", Role: identity.Member})
		if _, err := b.Tasks(member, demos.TaskFilter{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("Tasks for a member = %v, want forbidden", err)
		}
		if _, err := b.Published(t.Context(), want[0]); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("Published for nobody = %v, want unauthenticated", err)
		}
	})
}
