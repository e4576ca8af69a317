package pages

import (
	"context"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// Cards show a steward how many tasks wait or run.
func (s *Section) Cards(ctx context.Context, l *ui.Locale) ([]ui.Card, error) {
	if !steward(ctx) {
		return nil, nil
	}
	return []ui.Card{{
		Icon: "pipeline", Title: l.T("demos.card"), Text: l.T("demos.card_text"), Href: root, Action: l.T("demos.card_action"),
	}}, nil
}

// Search finds a task by its id, and apps by a part of their name.
func (s *Section) Search(ctx context.Context, l *ui.Locale, query string) ([]ui.Hit, error) {
	if !steward(ctx) {
		return nil, nil
	}
	var hits []ui.Hit
	task, err := s.service.Task(ctx, query)
	switch {
	case err == nil:
		hits = append(hits, ui.Hit{Icon: "clock", Text: task.ID, Kind: l.T("demos.task"), Href: taskHref(task.ID)})
	case !fault.Is(err, fault.NotFound):
		return nil, err
	}
	for _, app := range s.service.Apps() {
		card := newAppCard(l, app)
		if contains(card.Title, query) || contains(card.Name, query) {
			hits = append(hits, ui.Hit{Icon: "pipeline", Text: card.Title, Kind: l.T("demos.app"), Href: card.Href})
		}
	}
	return hits, nil
}

// steward reports whether the visitor looks after everybody's tasks.
func steward(ctx context.Context) bool {
	p, _ := identity.From(ctx)
	return p.Role == identity.Steward || p.IsAdmin()
}

func contains(name, part string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(part))
}
