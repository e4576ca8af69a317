package jobs

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
)

// Slots are what the jobs of one process share across queues: CPU shares and
// devices. Engines ask Divide before they claim and Hold what they claimed.
// Safe for concurrent use.
type Slots struct {
	weights map[string]int

	mu sync.Mutex
	// shares is how many jobs without a device may still begin.
	shares  int
	bounded bool
	devices []string // free ones
	// Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996): every job
	// that begins moves its queue on by 1/weight, the queue that is furthest
	// behind goes first, and one that was empty starts at the present.
	queues, lanes map[string]float64
	present       float64
}

// Slot is what one running job holds. Release gives it back.
type Slot struct {
	// Device is the device's index, empty without one.
	Device string
	share  bool
}

// NewSlots returns the slots of a process, all of them free.
func NewSlots(cfg Config) *Slots {
	return &Slots{
		weights: cfg.Weights, shares: cfg.CPUShares, bounded: cfg.CPUShares > 0, devices: slices.Clone(cfg.Devices),
		queues: map[string]float64{}, lanes: map[string]float64{},
	}
}

// Shared reports whether the lane's jobs compete with those of other lanes.
func (s *Slots) Shared(lane Lane) bool { return lane.Device != DeviceNone || s.bounded }

// Free is how many more jobs with the device may begin.
func (s *Slots) Free(device Device) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free(device)
}

func (s *Slots) free(device Device) int {
	switch {
	case device == DeviceGPU:
		return len(s.devices)
	case s.bounded:
		return s.shares
	}
	return math.MaxInt
}

// Due is a lane and how many of its jobs could begin if slots were no object.
type Due struct {
	Lane Lane
	Jobs int
}

// Divide says how many jobs of each lane, by name, should begin now. It takes
// nothing: only Hold moves the queues on.
func (s *Slots) Divide(due []Due) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	queues, lanes, present := maps.Clone(s.queues), maps.Clone(s.lanes), s.present
	free := map[Device]int{DeviceNone: s.free(DeviceNone), DeviceGPU: s.free(DeviceGPU)}
	left, granted := slices.Clone(due), map[string]int{}
	for {
		next := -1
		for i, d := range left {
			if d.Jobs <= 0 || free[d.Lane.Device] <= 0 {
				continue
			}
			if next < 0 || cmp.Or(
				cmp.Compare(max(queues[d.Lane.Queue], present), max(queues[left[next].Lane.Queue], present)),
				cmp.Compare(lanes[d.Lane.Name], lanes[left[next].Lane.Name]),
			) < 0 {
				next = i
			}
		}
		if next < 0 {
			return granted
		}
		lane := left[next].Lane
		if !s.Shared(lane) { // nothing to divide
			granted[lane.Name] = left[next].Jobs
			left[next].Jobs = 0
			continue
		}
		granted[lane.Name]++
		left[next].Jobs--
		free[lane.Device]--
		present = s.move(queues, lanes, lane, present)
	}
}

// move counts one job for the lane and returns the new present.
func (s *Slots) move(queues, lanes map[string]float64, lane Lane, present float64) float64 {
	at := max(queues[lane.Queue], present)
	queues[lane.Queue] = at + 1/float64(max(s.weights[lane.Queue], 1))
	lanes[lane.Name]++
	return at
}

// Hold takes a slot for a job of the lane that begins.
func (s *Slots) Hold(lane Lane) Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var slot Slot
	switch {
	case lane.Device == DeviceGPU && len(s.devices) > 0:
		slot.Device = s.devices[0]
		s.devices = s.devices[1:]
	case lane.Device == DeviceNone && s.bounded:
		slot.share = true
		s.shares--
	default:
		return slot
	}
	s.present = s.move(s.queues, s.lanes, lane, s.present)
	return slot
}

// Release gives a slot back. The zero Slot is nothing.
func (s *Slots) Release(slot Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot.Device != "" {
		s.devices = append(s.devices, slot.Device)
	}
	if slot.share {
		s.shares++
	}
}
