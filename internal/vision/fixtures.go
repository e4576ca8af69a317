package vision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// Fixtures are rows with fixed ids, for tests. Loading is repeatable: what has
// its id already is left alone.
type Fixtures struct {
	Users []struct {
		ID       string        `yaml:"id"`
		Email    string        `yaml:"email"`
		Role     identity.Role `yaml:"role"`
		Password string        `yaml:"password"`
	} `yaml:"users"`
	Seeds []struct {
		ID   string `yaml:"id"`
		Name string `yaml:"name"`
	} `yaml:"seeds"`
	PictureSets []struct {
		ID    string `yaml:"id"`
		Owner string `yaml:"owner"` // user id
		Name  string `yaml:"name"`
	} `yaml:"picture_sets"`
	Pictures []struct {
		ID   string `yaml:"id"`
		Set  string `yaml:"set"`
		File string `yaml:"file"` // relative to the fixture file
	} `yaml:"pictures"`
	// Pipelines are files in any form that pipeline import reads, relative to
	// the fixture file. IDs fixes the ids of the pipelines by name.
	Pipelines []string          `yaml:"pipelines"`
	IDs       map[string]string `yaml:"pipeline_ids"`
}

// LoadFixtures reads a fixture file and stores what is not there yet.
func (s *Service) LoadFixtures(ctx context.Context, path string) error {
	ctx = identity.With(ctx, identity.System())
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read fixtures: %w", err)
	}
	defer file.Close()
	var fixtures Fixtures
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&fixtures); err != nil {
		return fault.New(fault.Invalid, "fixtures %s: %w", path, err)
	}
	folder := filepath.Dir(path)
	for _, step := range []func(context.Context, *Fixtures, string) error{
		s.fixUsers, s.fixRows, s.fixPictures, s.fixPipelines,
	} {
		if err := step(ctx, &fixtures, folder); err != nil {
			return fmt.Errorf("fixtures %s: %w", path, err)
		}
	}
	return nil
}

func (s *Service) fixUsers(ctx context.Context, f *Fixtures, _ string) error {
	for _, u := range f.Users {
		_, err := s.users.UserByID(ctx, u.ID)
		if fault.Is(err, fault.NotFound) {
			_, err = s.CreateAccount(ctx, identity.NewUser{ID: u.ID, Email: u.Email, Role: u.Role, Password: u.Password})
		}
		if err != nil {
			return fmt.Errorf("user %s: %w", u.ID, err)
		}
	}
	return nil
}

func (s *Service) fixRows(ctx context.Context, f *Fixtures, _ string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		for _, in := range f.Seeds {
			if err := s.fixSeed(ctx, tx, in.ID, in.Name); err != nil {
				return fmt.Errorf("seed %s: %w", in.ID, err)
			}
		}
		for _, in := range f.PictureSets {
			set := PictureSet{
				ID: in.ID, OwnerID: in.Owner, Name: in.Name, Kind: FolderSet, Revision: 1, CreatedAt: s.now(),
			}
			_, err := tx.NewInsert().Model(&set).On("CONFLICT (id) DO NOTHING").Exec(ctx)
			switch {
			case database.IsUnique(err):
				err = ErrSetExists
			case database.IsForeignKey(err):
				err = ErrNoUser
			}
			if err != nil {
				return fmt.Errorf("picture set %s: %w", in.ID, err)
			}
		}
		return nil
	})
}

// fixSeed adds a seed, or gives the one of that name the fixed id: the standard
// ones are there before any fixture. A seed that is in use keeps its id, which
// is an error.
func (s *Service) fixSeed(ctx context.Context, tx database.Tx, id, name string) error {
	name, err := cleanSeedName(name)
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model((*Seed)(nil)).Set("id = ?", id).Where("name_key = ? AND id <> ?", seedKey(name), id).Exec(ctx)
	if err == nil {
		seed := Seed{ID: id, Name: name, Key: seedKey(name), CreatedAt: s.now()}
		_, err = tx.NewInsert().Model(&seed).On("CONFLICT (id) DO NOTHING").Exec(ctx)
	}
	if database.IsForeignKey(err) || database.IsUnique(err) {
		return fault.New(fault.Conflict, "the name %q or the id is in use: %w", name, err)
	}
	return err
}

func (s *Service) fixPictures(ctx context.Context, f *Fixtures, folder string) error {
	for _, in := range f.Pictures {
		_, _, err := pictureWithSet(ctx, s.db.Reader(), in.ID)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrNoPicture) {
			return err
		}
		data, err := os.ReadFile(filepath.Join(folder, in.File))
		if err != nil {
			return fmt.Errorf("picture %s: %w", in.ID, err)
		}
		picture, err := s.newPicture(in.Set, data)
		if err != nil {
			return fmt.Errorf("picture %s: %w", in.ID, err)
		}
		picture.ID, picture.BlobKey = in.ID, blobKey(in.ID)
		picture.FileName = shortName(in.File)
		if err := s.storeInSet(ctx, &picture, data); err != nil {
			return fmt.Errorf("picture %s: %w", in.ID, err)
		}
	}
	return nil
}

func (s *Service) fixPipelines(ctx context.Context, f *Fixtures, folder string) error {
	for _, file := range f.Pipelines {
		if !filepath.IsAbs(file) {
			file = filepath.Join(folder, file)
		}
		if _, err := s.ImportPipelineFile(ctx, file, ImportOptions{IDs: f.IDs}); err != nil {
			return err
		}
	}
	return nil
}
