package nachetimport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
)

// accountPlan is an account of the target with the names that its sets have.
type accountPlan struct {
	id     string
	isNew  bool
	home   string // its default set, "" while it has none
	names  map[string]bool
	setIDs map[string]bool
}

// account returns what is known of an account of the target.
func (r *run) account(ctx context.Context, id string) (*accountPlan, error) {
	if plan := r.plans[id]; plan != nil {
		return plan, nil
	}
	plan := &accountPlan{id: id, names: map[string]bool{}, setIDs: map[string]bool{}}
	sets, err := r.to.Sets(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		plan.names[set.Name], plan.setIDs[set.ID] = true, true
		if set.Kind == vision.DefaultSet {
			plan.home = set.ID
		}
	}
	r.plans[id] = plan
	return plan, nil
}

// importAccounts gives every user of the source an account, and every set a
// place in its owner's account.
func (r *run) importAccounts(ctx context.Context) error {
	users, err := r.from.users(ctx)
	if err != nil {
		return err
	}
	rows, err := r.from.sets(ctx)
	if err != nil {
		return err
	}
	uses, err := r.from.setUses(ctx)
	if err != nil {
		return err
	}
	r.tally.found(kindUsers, len(users))
	r.tally.found(kindSets, len(rows))
	use := map[string]setUse{}
	for _, u := range uses {
		use[value(u.Set)] = u
	}
	owned := map[string][]setRow{}
	for _, row := range rows {
		owned[value(row.Owner)] = append(owned[value(row.Owner)], row)
	}
	emails := map[string]string{} // planned in this run, to account
	for _, user := range users {
		id, ok := canonicalID(value(user.ID))
		if !ok {
			r.tally.unread(kindUsers, "its id is not a UUID", value(user.ID))
			continue
		}
		sets := owned[id]
		delete(owned, id)
		home := homeOf(user, sets)
		plan, err := r.importUser(ctx, id, user, home, emails)
		if err != nil {
			return fmt.Errorf("user %s: %w", id, err)
		}
		r.accounts[id] = plan.id
		for _, row := range sets {
			if err := r.importSet(ctx, plan, row, home != nil && value(row.ID) == value(home.ID), use[value(row.ID)]); err != nil {
				return fmt.Errorf("picture set %s: %w", value(row.ID), err)
			}
		}
	}
	for _, sets := range owned {
		for _, row := range sets {
			r.tally.unread(kindSets, "its owner could not be imported", value(row.ID))
		}
	}
	return nil
}

// homeOf finds the default set among a user's sets and puts it first; nil when
// there is none.
func homeOf(user userRow, sets []setRow) *setRow {
	at := slices.IndexFunc(sets, func(s setRow) bool { return value(s.ID) == value(user.DefaultSet) })
	if at < 0 {
		at = slices.IndexFunc(sets, func(s setRow) bool { return value(s.Name) == general })
	}
	if at < 0 {
		return nil
	}
	home := sets[at]
	copy(sets[1:at+1], sets[:at]) // the others stay in their order
	sets[0] = home
	return &sets[0]
}

func (r *run) importUser(ctx context.Context, id string, user userRow, home *setRow, emails map[string]string) (*accountPlan, error) {
	email := strings.TrimSpace(strings.ToValidUTF8(value(user.Email), ""))
	known, err := r.users.UserByID(ctx, id)
	if err == nil {
		if !strings.EqualFold(known.Email, email) {
			r.tally.changed(kindUsers, "its account has another e-mail address by now, which stays", id)
		}
		r.tally.alreadyThere(kindUsers)
		return r.account(ctx, id)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	known, err = r.users.UserByEmail(ctx, email)
	if err == nil {
		r.tally.alreadyThere(kindUsers)
		r.tally.changed(kindUsers, "an account with this e-mail address exists: merged into it", id+" "+email+" -> "+known.ID)
		return r.account(ctx, known.ID)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if other := emails[strings.ToLower(email)]; other != "" {
		r.tally.skip(kindUsers, "another user of the source has this e-mail address: merged into that one", id+" "+email+" -> "+other)
		return r.account(ctx, other)
	}
	wanted := identity.NewUser{ID: id, Email: email}
	if _, err := r.users.Prepare(ctx, wanted); fault.Is(err, fault.Invalid) {
		wanted.Email = id + "@imported.invalid" // RFC 2606, section 2: never an address
		r.tally.changed(kindUsers, "its e-mail address is none: "+"<id>@imported.invalid stands for it", id+" "+email)
	} else if err != nil {
		return nil, err
	}
	emails[strings.ToLower(email)] = id
	return r.addAccount(ctx, wanted, user, home)
}

func (r *run) addAccount(ctx context.Context, wanted identity.NewUser, user userRow, home *setRow) (*accountPlan, error) {
	set := vision.PictureSet{CreatedAt: stamp(user.Registered, r.now)}
	if home != nil {
		set.ID, set.CreatedAt = value(home.ID), stamp(home.Uploaded, set.CreatedAt)
	} else {
		fresh, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("new set id: %w", err)
		}
		set.ID = fresh.String()
	}
	if !r.opts.DryRun {
		if err := r.to.AddAccount(ctx, wanted, set); err != nil {
			return nil, err
		}
	}
	r.tally.imported(kindUsers, 1)
	plan := &accountPlan{
		id: wanted.ID, isNew: true, home: set.ID,
		names: map[string]bool{vision.DefaultSetName: true}, setIDs: map[string]bool{},
	}
	r.plans[wanted.ID] = plan
	return plan, nil
}

// setPlan is where the pictures of a set of the source go.
type setPlan struct {
	id      string // the target's
	owner   string // the source's
	account string // the target's
	folder  string // in the owner's container
	created time.Time
}

func (r *run) importSet(ctx context.Context, account *accountPlan, row setRow, isHome bool, use setUse) error {
	id, ok := canonicalID(value(row.ID))
	if !ok {
		r.tally.unread(kindSets, "its id is not a UUID", value(row.ID))
		return nil
	}
	name := value(row.Name)
	plan := &setPlan{id: id, owner: value(row.Owner), account: account.id, folder: name, created: stamp(row.Uploaded, r.now)}
	switch {
	case isHome:
		plan.folder = general
	case name == "":
		plan.folder = id
	}
	r.sets[id] = plan
	set := r.describeSet(plan, row, isHome, use)
	switch {
	case account.isNew && account.home == id: // came with the account
		r.tally.imported(kindSets, 1)
		return nil
	case account.setIDs[id]:
		r.tally.alreadyThere(kindSets)
		return nil
	case isHome && account.home != "":
		plan.id = account.home
		r.tally.alreadyThere(kindSets)
		r.tally.changed(kindSets, "the account has a default folder already: the pictures go there", id+" -> "+account.home)
		return nil
	case isHome:
		account.home = id
	}
	set.Name = r.nameSet(account, id, name, isHome)
	account.names[set.Name], account.setIDs[id] = true, true
	r.tally.imported(kindSets, 1)
	if r.opts.DryRun {
		return nil
	}
	return r.to.AddSet(ctx, set)
}

func (r *run) describeSet(plan *setPlan, row setRow, isHome bool, use setUse) vision.PictureSet {
	set := vision.PictureSet{ID: plan.id, OwnerID: plan.account, Kind: vision.FolderSet, CreatedAt: plan.created}
	document, ok := parseDocument(value(row.Document))
	if !ok {
		r.tally.changed(kindSets, "its metadata cannot be read: the number of announced pictures is unknown", plan.id)
	}
	announced, _ := document.object("image_data_picture_set").count("number_of_images")
	switch {
	case isHome:
		set.Kind = vision.DefaultSet
	case use.Answered == 0 && (use.Labelled > 0 || announced > 0):
		set.Kind = vision.BatchSet
		set.ExpectedPictures = max(announced, use.Labelled)
		set.ExpiresAt = r.to.ImportExpiry(plan.created)
	}
	return set
}

// maxName bounds a set's name in characters, with room for a suffix.
const maxName = 180

// nameSet returns a name that the account does not use yet.
func (r *run) nameSet(account *accountPlan, id, original string, isHome bool) string {
	name := cleanName(original)
	switch {
	case isHome:
		name = vision.DefaultSetName
	case name == "":
		name = id
		r.tally.changed(kindSets, "it has no name: its id stands for it", id)
	case name != original:
		r.tally.changed(kindSets, "its name holds what names may not hold", fmt.Sprintf("%s %q -> %q", id, original, name))
	}
	free := name
	for n := 2; account.names[free]; n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	if free != name {
		r.tally.changed(kindSets, "its owner has another folder of this name", fmt.Sprintf("%s %q -> %q", id, name, free))
	}
	return free
}

// cleanName makes a name that the target's folders may have, "" for none.
func cleanName(name string) string {
	name = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '/' {
			return '-'
		}
		return c
	}, strings.ToValidUTF8(name, "")))
	if runes := []rune(name); len(runes) > maxName {
		name = strings.TrimSpace(string(runes[:maxName]))
	}
	if name == "." || name == ".." {
		return ""
	}
	return name
}
