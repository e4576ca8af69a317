package jobs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

func TestDivide(t *testing.T) {
	t.Parallel()
	cpu := func(queue string) jobs.Lane { return jobs.Lane{Name: queue, Queue: queue} }
	gpu := func(queue string) jobs.Lane {
		return jobs.Lane{Name: queue + "-0gpu", Queue: queue, Device: jobs.DeviceGPU}
	}
	for name, test := range map[string]struct {
		cfg  jobs.Config
		held []jobs.Lane
		due  []jobs.Due
		want map[string]int
	}{
		"nothing shared":       {jobs.Config{}, nil, []jobs.Due{{cpu("a"), 7}, {cpu("b"), 2}}, map[string]int{"a": 7, "b": 2}},
		"equal shares":         {jobs.Config{CPUShares: 4}, nil, []jobs.Due{{cpu("a"), 9}, {cpu("b"), 9}}, map[string]int{"a": 2, "b": 2}},
		"weighted":             {jobs.Config{CPUShares: 8, Weights: map[string]int{"a": 3}}, nil, []jobs.Due{{cpu("a"), 9}, {cpu("b"), 9}}, map[string]int{"a": 6, "b": 2}},
		"what one leaves":      {jobs.Config{CPUShares: 8, Weights: map[string]int{"a": 3}}, nil, []jobs.Due{{cpu("a"), 1}, {cpu("b"), 9}}, map[string]int{"a": 1, "b": 7}},
		"who went first waits": {jobs.Config{CPUShares: 3}, []jobs.Lane{cpu("a")}, []jobs.Due{{cpu("a"), 9}, {cpu("b"), 1}}, map[string]int{"a": 1, "b": 1}},
		"none free":            {jobs.Config{CPUShares: 1}, []jobs.Lane{cpu("a")}, []jobs.Due{{cpu("b"), 1}}, map[string]int{}},
		"two lanes of a queue": {
			jobs.Config{CPUShares: 4},
			nil,
			[]jobs.Due{{jobs.Lane{Name: "a", Queue: "a"}, 9}, {jobs.Lane{Name: "a-k", Queue: "a"}, 9}, {cpu("b"), 9}},
			map[string]int{"a": 1, "a-k": 1, "b": 2},
		},
		"devices apart": {
			jobs.Config{Devices: []string{"0"}}, nil, []jobs.Due{{gpu("a"), 3}, {cpu("b"), 3}}, map[string]int{"a-0gpu": 1, "b": 3},
		},
	} {
		slots := jobs.NewSlots(test.cfg)
		for _, lane := range test.held {
			slots.Hold(lane)
		}
		for range 2 { // dividing takes nothing
			if diff := cmp.Diff(test.want, slots.Divide(test.due)); diff != "" {
				t.Errorf("%s: Divide (-want +got):\n%s", name, diff)
			}
		}
	}
}

// A queue that was empty does not make up for its absence.
func TestDivideGivesNoCredit(t *testing.T) {
	t.Parallel()
	slots := jobs.NewSlots(jobs.Config{CPUShares: 1})
	busy, late := jobs.Lane{Name: "busy", Queue: "busy"}, jobs.Lane{Name: "late", Queue: "late"}
	for range 100 {
		slots.Release(slots.Hold(busy))
	}
	got := map[string]int{}
	for range 10 {
		for name := range slots.Divide([]jobs.Due{{busy, 9}, {late, 9}}) {
			got[name]++
			slots.Release(slots.Hold(jobs.Lane{Name: name, Queue: name}))
		}
	}
	if got["late"] > 6 || got["busy"] < 4 {
		t.Errorf("ten turns = %v, want about five each", got)
	}
}

func TestDevicesAreGivenBack(t *testing.T) {
	t.Parallel()
	slots := jobs.NewSlots(jobs.Config{Devices: []string{"0", "2"}})
	lane := jobs.Lane{Name: "a-0gpu", Queue: "a", Device: jobs.DeviceGPU}
	first, second := slots.Hold(lane), slots.Hold(lane)
	if first.Device == second.Device || slots.Free(jobs.DeviceGPU) != 0 {
		t.Errorf("devices = %q and %q, free %d, want two and none", first.Device, second.Device, slots.Free(jobs.DeviceGPU))
	}
	slots.Release(first)
	if third := slots.Hold(lane); third.Device != first.Device {
		t.Errorf("device = %q, want %q, which is free", third.Device, first.Device)
	}
}
