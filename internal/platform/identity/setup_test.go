package identity_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

func mustSetupLink(t *testing.T, s *identity.Service) string {
	t.Helper()
	token, needed, err := s.SetupLink(t.Context())
	if err != nil || !needed || token == "" {
		t.Fatalf("SetupLink = %q, %t, %v, want a token", token, needed, err)
	}
	return token
}

func TestFirstRun(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		clock := newClock()
		s := newService(t, db, identity.Config{Now: clock.Now})
		provisioned := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example"})
		if has, err := s.HasAccounts(t.Context()); has || err != nil {
			t.Errorf("HasAccounts without a password = %t, %v, want false", has, err)
		}
		expired := mustSetupLink(t, s)
		clock.Advance(24 * time.Hour)
		token, second := mustSetupLink(t, s), mustSetupLink(t, s)
		for name, bad := range map[string]string{"expired": expired, "made up": "x", "empty": ""} {
			wantKind(t, "CheckSetup: "+name, s.CheckSetup(t.Context(), bad), fault.Forbidden)
			_, err := s.CompleteSetup(t.Context(), bad, "root@lab.example", goodPassword)
			wantKind(t, "CompleteSetup: "+name, err, fault.Forbidden)
		}
		for _, password := range []string{"", "short"} {
			_, err := s.CompleteSetup(t.Context(), token, "root@lab.example", password)
			wantKind(t, "CompleteSetup with password "+password, err, fault.Invalid)
		}
		if err := s.CheckSetup(t.Context(), token); err != nil {
			t.Errorf("CheckSetup after a refused password = %v, want nil", err)
		}
		admin, err := s.CompleteSetup(t.Context(), token, "ADA@lab.example", goodPassword)
		if err != nil || admin.ID != provisioned.ID || admin.Role != identity.Admin || !admin.HasPassword {
			t.Errorf("CompleteSetup for a known address = %+v, %v, want %s as admin", admin, err, provisioned.ID)
		}
		mustSignIn(t, s, "ada@lab.example")
		for name, used := range map[string]string{"same": token, "other": second} {
			_, err := s.CompleteSetup(t.Context(), used, "eve@lab.example", goodPassword)
			wantKind(t, "CompleteSetup again: "+name, err, fault.Forbidden)
		}
		if token, needed, err := s.SetupLink(t.Context()); token != "" || needed || err != nil {
			t.Errorf("SetupLink afterwards = %q, %t, %v, want not needed", token, needed, err)
		}
		if has, err := s.HasAccounts(t.Context()); !has || err != nil {
			t.Errorf("HasAccounts afterwards = %t, %v, want true", has, err)
		}
	})
}

func TestSetupRaceMakesOneAdmin(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		// Two servers on one database, each with its own printed link.
		servers := [2]*identity.Service{newService(t, db, identity.Config{}), newService(t, db, identity.Config{})}
		links := [2]string{mustSetupLink(t, servers[0]), mustSetupLink(t, servers[1])}
		kinds := make(chan fault.Kind, 12)
		won := make(chan identity.User, 12)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range 12 {
			group.Go(func() {
				<-start
				user, err := servers[i%2].CompleteSetup(t.Context(), links[i/2%2], fmt.Sprintf("a%d@lab.example", i), goodPassword)
				if err == nil {
					won <- user
					return
				}
				kinds <- fault.Of(err)
			})
		}
		close(start)
		group.Wait()
		close(kinds)
		close(won)
		refused := map[fault.Kind]int{}
		for kind := range kinds {
			refused[kind]++
		}
		if diff := cmp.Diff(map[fault.Kind]int{fault.Forbidden: 11}, refused); diff != "" || len(won) != 1 {
			t.Errorf("%d winners, refused (-want +got):\n%s", len(won), diff)
		}
		users, _, err := servers[0].List(asSystem(t), identity.Page{})
		if err != nil || len(users) != 1 || users[0].ID != (<-won).ID {
			t.Errorf("accounts = %+v, %v, want the winner alone", users, err)
		}
	})
}
