package nachetimport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/cloud"
)

// listers bounds how many containers are listed at the same time.
const listers = 4

// found is where a picture's bytes were seen.
type found struct {
	place
	size int64
	used bool
}

// shelves are the source's containers with an index of every blob whose name
// ends in an id. Each container is listed once; no blob is asked for by name
// to find out whether it exists. After open only the main goroutine looks
// things up; reading is safe for concurrent use.
type shelves struct {
	account *cloud.Account
	owners  map[string]string  // by container
	index   map[string][]found // by the last part of the blob's name
	folders map[string]string  // so that equal folders are one string
}

// openShelves lists the containers of the users with the given ids.
func openShelves(ctx context.Context, connectionString string, users map[string]bool, t *tally) (*shelves, error) {
	account, err := cloud.OpenAccount(connectionString)
	if err != nil {
		return nil, err
	}
	names, err := userContainers(ctx, account, users, t)
	if err != nil {
		return nil, err
	}
	s := &shelves{account: account, owners: map[string]string{}, index: map[string][]found{}, folders: map[string]string{}}
	t.found(kindContainers, len(names))
	var mu sync.Mutex
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(listers)
	for _, name := range names {
		s.owners[name], _ = containerOwner(name)
		group.Go(func() error { return s.list(gctx, &mu, name, t) })
	}
	return s, group.Wait()
}

// userContainers returns the containers "<tier>-<user id>" that exist. A
// signature that may not list the account's containers leaves their usual
// names to be tried.
func userContainers(ctx context.Context, account *cloud.Account, users map[string]bool, t *tally) ([]string, error) {
	var names []string
	for name, err := range account.Containers(ctx, "") {
		var refused *azcore.ResponseError
		if errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden {
			names = names[:0]
			for id := range users {
				names = append(names, "user-"+id)
			}
			t.changed(kindContainers, "the account's containers may not be listed: only those named user-<id> are looked at", "")
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("source storage: %w", err)
		}
		if owner, ok := containerOwner(name); ok && users[owner] {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *shelves) list(ctx context.Context, mu *sync.Mutex, name string, t *tally) error {
	for info, err := range s.account.Blobs(ctx, name) {
		if bucket.Missing(err) { // a guessed name, or deleted meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("list container %s of the source: %w", name, err)
		}
		p, ok := splitName(name, info.Key)
		if id, isID := canonicalID(p.name); !ok || !isID || id != p.name {
			continue // folder markers and what else lies there
		}
		mu.Lock()
		if folder, ok := s.folders[p.folder]; ok {
			p.folder = folder
		} else {
			s.folders[p.folder] = p.folder
		}
		s.index[p.name] = append(s.index[p.name], found{place: p, size: info.Size})
		mu.Unlock()
		t.found(kindBlobs, 1)
	}
	return nil
}

// look returns where the bytes of a picture most likely are: where its link
// says, else in its folder, else in General, else anywhere in its owner's
// containers, which is where archives lie, else in another user's.
func (s *shelves) look(id, owner, link, folder string) (place, int64, bool) {
	list := s.index[id]
	if len(list) == 0 {
		return place{}, 0, false
	}
	said, _ := parseLink(link)
	rank := func(f found) int {
		own := s.owners[f.container] == owner
		switch {
		case said.container == f.container && said.folder == f.folder:
			return 0
		case own && said.container == "" && said.folder != "" && said.folder == f.folder:
			return 1
		case own && folder == f.folder:
			return 2
		case own && f.folder == general:
			return 3
		case own:
			return 4
		default:
			return 5
		}
	}
	best := 0
	for i := range list {
		list[i].used = true
		if rank(list[i]) < rank(list[best]) {
			best = i
		}
	}
	return list[best].place, list[best].size, true
}

// use marks the blobs of a picture that the target holds already.
func (s *shelves) use(id string) {
	for i := range s.index[id] {
		s.index[id][i].used = true
	}
}

// general is the folder of a user's default set in the source.
const general = "General"

// path returns the blob's whole name.
func (p place) path() string {
	if p.folder == "" {
		return p.name
	}
	return p.folder + "/" + p.name
}

// unused reports every blob that looks like a picture and has no row.
func (s *shelves) unused(t *tally) {
	for _, list := range s.index {
		for _, f := range list {
			if f.used {
				continue
			}
			t.skip(kindBlobs, "no picture of the database names it", f.container+"/"+f.path())
		}
	}
}
