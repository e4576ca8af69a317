package vision_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
)

// rush calls fn n times at once.
func rush(n int, fn func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	group.Wait()
}

// newcomer is an account that was made without a default set, as the console
// does it.
func (b *bundle) newcomer(t *testing.T, email string) (context.Context, string) {
	t.Helper()
	user, err := b.users.CreateUser(system(t), identity.NewUser{Email: email})
	must(t, err)
	return identity.With(t.Context(), user.Principal("body")), user.ID
}

func TestFirstRequestsOfAnAccountShareOneDefaultSet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		ctx, id := b.newcomer(t, "new@lab.example")
		rush(8, func(int) {
			listings, err := b.Listings(ctx, id)
			if err != nil || len(listings) != 1 || listings[0].Kind != vision.DefaultSet {
				t.Errorf("Listings of a new account = %+v, %v, want its default set", listings, err)
			}
		})
		b.sound(t)
	})
}

func TestFirstFolderComesBesideADefaultSet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		ctx, id := b.newcomer(t, "new@lab.example")
		_, err := b.CreateSet(ctx, vision.DefaultSetName)
		wantError(t, "CreateSet(General)", err, vision.ErrSetExists)
		_, err = b.CreateSet(ctx, "mine")
		must(t, err)
		listings, err := b.Listings(ctx, id)
		must(t, err)
		var names []string
		for _, l := range listings {
			names = append(names, l.Name)
		}
		if diff := cmp.Diff([]string{vision.DefaultSetName, "mine"}, names); diff != "" {
			t.Errorf("folders (-want +got):\n%s", diff)
		}
		b.sound(t)
	})
}

func TestManyPicturesReachOneFolderAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		const pictures = 24
		b.model.answer(nil, []engine.Guess{{Label: "Zizania palustris", Score: 0.9}, {Label: "Zizania aquatica", Score: 0.1}}, left)
		batch, err := b.StartBatch(b.owner, "batch", pictures)
		must(t, err)
		rush(2*pictures, func(i int) {
			data := picture(t, i)
			if i < pictures {
				if err := b.UploadBatch(b.owner, vision.BatchPicture{SessionID: batch.ID, SeedName: fmt.Sprint("seed ", i%3), Data: data}); err != nil {
					t.Errorf("UploadBatch: %v", err)
				}
				return
			}
			_, err := b.Classify(b.owner, vision.Classification{
				Pipeline: "fake", Data: data, Options: pipeline.Options{Width: 100, Height: 80},
			})
			if err != nil {
				t.Errorf("Classify: %v", err)
			}
		})
		if got := b.pictures(t); got != 2*pictures {
			t.Errorf("pictures stored = %d, want %d", got, 2*pictures)
		}
		b.sound(t)
	})
}

func TestManyFoldersAreArchivedAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		_, keeper := b.newcomer(t, archiveEmail)
		const folders = 16
		ids := make([]string, folders)
		for i := range ids {
			set, err := b.CreateSet(b.owner, fmt.Sprint("folder ", i))
			must(t, err)
			ids[i] = set.ID
		}
		rush(folders, func(i int) {
			if err := b.DeleteSetWithArchive(b.owner, ids[i]); err != nil {
				t.Errorf("DeleteSetWithArchive: %v", err)
			}
		})
		kept, err := b.Listings(identity.With(t.Context(), identity.Principal{UserID: keeper}), keeper)
		must(t, err)
		if len(kept) != 1+folders {
			t.Errorf("the archive has %d sets, want the default one and %d", len(kept), folders)
		}
		b.sound(t)
	})
}

// TestPipelineIsReplacedUnderLoad changes a pipeline over and over while it
// answers: no request may notice.
func TestPipelineIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.model.answer(nil, []engine.Guess{{Label: "Avena fatua", Score: 0.9}}, left)
		const requests = 12
		rush(2*requests, func(i int) {
			if i%2 == 0 {
				changed := definition("fake")
				changed.Description = fmt.Sprint("version ", i)
				if err := b.SavePipelines(system(t), []pipeline.Definition{changed}, nil); err != nil {
					t.Errorf("SavePipelines: %v", err)
				}
				return
			}
			_, err := b.Classify(b.owner, vision.Classification{
				Pipeline: "fake", Data: picture(t, i), Options: pipeline.Options{Width: 100, Height: 80},
			})
			if err != nil {
				t.Errorf("Classify: %v", err)
			}
		})
	})
}

func TestTheSamePipelineIsNoChange(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		before, entries := b.pipeline(t), len(b.trail(t))
		must(t, b.SavePipelines(system(t), []pipeline.Definition{definition("fake")}, nil))
		if after := b.pipeline(t); after.Revision != before.Revision || len(b.trail(t)) != entries {
			t.Errorf("saving the same pipeline made revision %d and %d audit entries, want %d and none",
				after.Revision, len(b.trail(t))-entries, before.Revision)
		}
		changed := definition("fake")
		changed.Models[0].APIKey = "another-key"
		must(t, b.SavePipelines(system(t), []pipeline.Definition{changed}, nil))
		if after := b.pipeline(t); after.Revision != before.Revision+1 {
			t.Errorf("saving another key made revision %d, want %d", after.Revision, before.Revision+1)
		}
		must(t, b.RemovePipeline(system(t), "fake"))
		must(t, b.SavePipelines(system(t), []pipeline.Definition{changed}, nil))
		if after := b.pipeline(t); !after.Active {
			t.Error("a removed pipeline that was saved again is not active")
		}
	})
}

// pipeline returns the only one.
func (b *bundle) pipeline(t *testing.T) vision.Pipeline {
	t.Helper()
	all, err := b.Pipelines(t.Context())
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("there are %d pipelines, want 1", len(all))
	}
	return all[0]
}
