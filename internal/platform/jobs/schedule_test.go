package jobs_test

import (
	"testing"

	"granary/internal/platform/jobs"
)

func TestScheduleRefuses(t *testing.T) {
	t.Parallel()
	reg := jobs.NewRegistry()
	if err := jobs.Register(reg, jobs.Policy{}, ignore[alpha]); err != nil {
		t.Fatalf("Register: %v", err)
	}
	if err := reg.Schedule("clean_up", "@hourly", alpha{}); err != nil {
		t.Errorf("Schedule: %v", err)
	}
	for name, err := range map[string]error{
		"twice":               reg.Schedule("clean_up", "@daily", alpha{}),
		"upper case":          reg.Schedule("Clean", "@daily", alpha{}),
		"unregistered kind":   reg.Schedule("other", "@daily", beta{}),
		"no timing":           reg.Schedule("other", "", alpha{}),
		"four fields":         reg.Schedule("other", "* * * *", alpha{}),
		"a date that is none": reg.Schedule("other", "0 0 30 2 *", alpha{}),
		"no duration":         reg.Schedule("other", "@every soon", alpha{}),
	} {
		if err == nil {
			t.Errorf("%s: Schedule = nil, want an error", name)
		}
	}
}
