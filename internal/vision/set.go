package vision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// DefaultSetName is the folder that every account has and cannot delete.
const DefaultSetName = "General"

// maxSetName bounds a folder's name in characters.
const maxSetName = 200

// SetKind says how a picture set came to be.
type SetKind string

// The kinds of picture set.
const (
	DefaultSet SetKind = "default"
	FolderSet  SetKind = "folder"
	BatchSet   SetKind = "batch"
	ArchiveSet SetKind = "archive"
)

// PictureSet is a folder of pictures that one account owns.
type PictureSet struct {
	bun.BaseModel `bun:"table:vision_picture_sets" json:"-"`

	ID               string    `bun:"id,pk" json:"id"`
	OwnerID          string    `bun:"owner_id" json:"owner_id"`
	Name             string    `bun:"name" json:"name"`
	Kind             SetKind   `bun:"kind" json:"kind"`
	ExpectedPictures int64     `bun:"expected_pictures" json:"expected_pictures"`
	Revision         int64     `bun:"revision" json:"-"`
	CreatedAt        time.Time `bun:"created_at" json:"created_at"`
	ExpiresAt        time.Time `bun:"expires_at,nullzero" json:"expires_at,omitzero"`
}

// checkSetName refuses names that cannot be told apart or typed again.
func checkSetName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fault.New(fault.Invalid, "a folder needs a name")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fault.New(fault.Invalid, "a folder name may not hold control characters")
	case utf8.RuneCountInString(name) > maxSetName:
		return fault.New(fault.Invalid, "a folder name may have at most %d characters", maxSetName)
	case strings.Contains(name, "/"), name == ".", name == "..":
		return fault.New(fault.Invalid, "a folder name may not be . or .. or hold a /")
	}
	return nil
}

// CreateAccount adds an account together with its default picture set.
func (s *Service) CreateAccount(ctx context.Context, user identity.NewUser) (identity.User, error) {
	user, err := s.users.Prepare(ctx, user)
	if err != nil {
		return identity.User{}, err
	}
	var created identity.User
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		var err error
		if created, err = s.users.CreateUserTx(ctx, tx, user); err != nil {
			return err
		}
		_, err = s.ensureDefaultSet(ctx, tx, created.ID)
		return err
	})
	return created, err
}

// ensureDefaultSet returns the account's default set, creating it when absent.
func (s *Service) ensureDefaultSet(ctx context.Context, tx database.Tx, ownerID string) (PictureSet, error) {
	set, err := defaultSet(ctx, tx, ownerID)
	if !errors.Is(err, ErrNoSet) {
		return set, err
	}
	set = PictureSet{
		ID: newID(), OwnerID: ownerID, Name: DefaultSetName, Kind: DefaultSet,
		Revision: 1, CreatedAt: s.now(),
	}
	// Two first requests of one account may both come here. On SQLite they take
	// turns; on PostgreSQL the later one meets a row that it cannot see, which
	// is a conflict that InTx answers by running it again. A failed insert
	// would spoil the transaction instead.
	if _, err := tx.NewInsert().Model(&set).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		if database.IsForeignKey(err) {
			return PictureSet{}, ErrNoUser
		}
		return PictureSet{}, fmt.Errorf("insert default set: %w", err)
	}
	return defaultSet(ctx, tx, ownerID)
}

func defaultSet(ctx context.Context, db bun.IDB, ownerID string) (PictureSet, error) {
	var set PictureSet
	err := db.NewSelect().Model(&set).Where("owner_id = ? AND kind = ?", ownerID, DefaultSet).Scan(ctx)
	return set, found(err, ErrNoSet, "read default set")
}

func insertSet(ctx context.Context, tx database.Tx, set *PictureSet) error {
	_, err := tx.NewInsert().Model(set).Exec(ctx)
	switch {
	case database.IsUnique(err):
		return ErrSetExists
	case database.IsForeignKey(err):
		return ErrNoUser
	case err != nil:
		return fmt.Errorf("insert picture set: %w", err)
	}
	return nil
}

// CreateSet adds an empty folder for the caller.
func (s *Service) CreateSet(ctx context.Context, name string) (PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return PictureSet{}, err
	}
	if err := checkSetName(name); err != nil {
		return PictureSet{}, err
	}
	set := PictureSet{
		ID: newID(), OwnerID: caller.UserID, Name: name, Kind: FolderSet, Revision: 1, CreatedAt: s.now(),
	}
	return set, s.addSet(ctx, &set)
}

// addSet adds a set beside the owner's default one, which is made first for an
// account that came without: its name must not be taken by another set.
func (s *Service) addSet(ctx context.Context, set *PictureSet) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := s.ensureDefaultSet(ctx, tx, set.OwnerID); err != nil {
			return err
		}
		if err := refuseTakenName(ctx, tx, set.OwnerID, set.Name); err != nil {
			return err
		}
		return insertSet(ctx, tx, set)
	})
}

// refuseTakenName answers ErrSetExists without spoiling the transaction, which
// a failed insert would on PostgreSQL.
func refuseTakenName(ctx context.Context, tx database.Tx, ownerID, name string) error {
	taken, err := tx.NewSelect().Model((*PictureSet)(nil)).
		Where("owner_id = ? AND name = ?", ownerID, name).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for folder name: %w", err)
	}
	if taken {
		return ErrSetExists
	}
	return nil
}

// RenameSet gives a folder another name.
func (s *Service) RenameSet(ctx context.Context, id, name string) error {
	if err := checkSetName(name); err != nil {
		return err
	}
	return s.changeSet(ctx, id, func(ctx context.Context, tx database.Tx, set PictureSet) error {
		if set.Kind == DefaultSet {
			return fault.New(fault.Conflict, "the default folder keeps its name")
		}
		if set.Name == name {
			return nil
		}
		if err := refuseTakenName(ctx, tx, set.OwnerID, name); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*PictureSet)(nil)).Set("name = ?", name).Where("id = ?", id).Exec(ctx)
		if database.IsUnique(err) { // taken since this transaction's snapshot
			return ErrSetExists
		}
		return err
	})
}

// changeSet runs fn on a set that the caller may manage, with the set's row
// locked and its revision raised.
func (s *Service) changeSet(ctx context.Context, id string, fn func(context.Context, database.Tx, PictureSet) error) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	return s.refused(ctx, "picture_set:"+id, s.db.InTurn(ctx, setTurn(id), managed(caller, id, fn)))
}

// setTurn names the queue of those who change a set: a client uploads a whole
// batch at once, and everything goes to General by default.
func setTurn(id string) string { return "picture_set:" + id }

// managed returns the body of a transaction that runs fn on a locked set which
// the caller manages.
func managed(caller identity.Principal, id string,
	fn func(context.Context, database.Tx, PictureSet) error,
) func(context.Context, database.Tx) error {
	return func(ctx context.Context, tx database.Tx) error {
		set, err := touchSet(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := permit(caller, manage, set.OwnerID); err != nil {
			return err
		}
		return fn(ctx, tx, set)
	}
}

// touchSet raises the set's revision, which also locks its row until commit.
func touchSet(ctx context.Context, tx database.Tx, id string) (PictureSet, error) {
	var set PictureSet
	err := tx.NewUpdate().Model(&set).Set("revision = revision + 1").Where("id = ?", id).Returning("*").Scan(ctx)
	return set, found(err, ErrNoSet, "lock picture set")
}

// Set returns a picture set that the caller may look at.
func (s *Service) Set(ctx context.Context, id string) (PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return PictureSet{}, err
	}
	set, err := setByID(ctx, s.db.Reader(), id)
	if err != nil {
		return PictureSet{}, err
	}
	if err := permit(caller, read, set.OwnerID); err != nil {
		return PictureSet{}, s.refused(ctx, "picture_set:"+id, err)
	}
	return set, nil
}

func setByID(ctx context.Context, db bun.IDB, id string) (PictureSet, error) {
	var set PictureSet
	err := db.NewSelect().Model(&set).Where("id = ?", id).Scan(ctx)
	return set, found(err, ErrNoSet, "read picture set")
}

// ResolveSet finds one of the caller's own sets by id or by name.
func (s *Service) ResolveSet(ctx context.Context, ref string) (PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return PictureSet{}, err
	}
	return resolveSet(ctx, s.db.Reader(), caller.UserID, ref)
}

func resolveSet(ctx context.Context, db bun.IDB, ownerID, ref string) (PictureSet, error) {
	var set PictureSet
	err := selectSet(db.NewSelect().Model(&set), ownerID, ref).Scan(ctx)
	return set, found(err, ErrNoSet, "find picture set")
}

// selectSet narrows query to the owner's set with that id, else that name.
func selectSet(query *bun.SelectQuery, ownerID, ref string) *bun.SelectQuery {
	return query.Where("owner_id = ? AND (id = ? OR name = ?)", ownerID, ref, ref).
		OrderExpr("CASE WHEN id = ? THEN 0 ELSE 1 END", ref).Limit(1)
}
