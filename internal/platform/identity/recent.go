package identity

import "container/list"

// recent is a map that forgets the key that was touched longest ago when it
// is full, so that strangers cannot grow it without end. Not safe for
// concurrent use.
type recent[V any] struct {
	limit int
	order *list.List // of *recentEntry[V], the latest first
	byKey map[string]*list.Element
}

type recentEntry[V any] struct {
	key   string
	value V
}

func newRecent[V any](limit int) *recent[V] {
	return &recent[V]{limit: limit, order: list.New(), byKey: make(map[string]*list.Element)}
}

// touch returns the value of key, a zero one when it is new, and makes key
// the latest. The pointer is valid until the next touch.
func (r *recent[V]) touch(key string) *V {
	if e, ok := r.byKey[key]; ok {
		r.order.MoveToFront(e)
		return &e.Value.(*recentEntry[V]).value
	}
	if r.order.Len() >= r.limit {
		oldest := r.order.Back()
		r.order.Remove(oldest)
		delete(r.byKey, oldest.Value.(*recentEntry[V]).key)
	}
	entry := &recentEntry[V]{key: key}
	r.byKey[key] = r.order.PushFront(entry)
	return &entry.value
}

func (r *recent[V]) forget(key string) {
	if e, ok := r.byKey[key]; ok {
		r.order.Remove(e)
		delete(r.byKey, key)
	}
}
