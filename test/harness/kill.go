package harness

import (
	"errors"
	"os"
	"testing"
)

// Kill ends the server as a power cut would, without any chance to finish,
// and waits until it is gone. Stop and the clean-up do nothing after it.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.once.Do(func() {
		if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill the server: %v", err)
		}
		<-s.ended
	})
}
