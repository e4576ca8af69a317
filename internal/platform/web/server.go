package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves doors on listeners. Use New.
type Server struct {
	config    Config
	hooks     Hooks
	log       *slog.Logger
	listeners []*listener
	limiter   *limiter
	slots     chan struct{}
	inFlight  atomic.Int64
	compress  func(http.Handler) http.HandlerFunc

	mu      sync.Mutex
	started bool
	stop    sync.Once
	serving sync.WaitGroup
	failed  chan error
	cancel  context.CancelFunc
}

// listener is one address at work.
type listener struct {
	config  Listener
	handler http.Handler
	table   []Served
	socket  net.Listener
	http    *http.Server
}

// New builds the routers of all listeners. It refuses a route without access
// level, two doors that claim the same method and address, and a mount of an
// unknown door, and names every problem at once.
func New(config Config, hooks Hooks, entries ...Entry) (*Server, error) {
	config = config.withDefaults()
	if hooks.Now == nil {
		hooks.Now = time.Now
	}
	if hooks.NewID == nil {
		hooks.NewID = newRequestID
	}
	if hooks.Logger == nil {
		return nil, errors.New("web: hooks need a logger")
	}
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	compress, err := compression()
	if err != nil {
		return nil, fmt.Errorf("web: compression: %w", err)
	}
	s := &Server{
		config: config, hooks: hooks, log: hooks.Logger, compress: compress,
		limiter: newLimiter(config.RatePerSecond, config.RateBurst, hooks.Now),
		slots:   make(chan struct{}, config.MaxConcurrent),
		failed:  make(chan error, len(config.Listeners)),
	}
	var errs []error
	for _, lc := range config.Listeners {
		l, err := s.newListener(lc, entries)
		if err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", lc.Address, err))
			continue
		}
		s.listeners = append(s.listeners, l)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

// Handler returns the handler of the i-th listener, for tests without a
// socket.
func (s *Server) Handler(i int) http.Handler { return s.listeners[i].handler }

// InFlight returns how many requests are being worked on.
func (s *Server) InFlight() int64 { return s.inFlight.Load() }

// Failed delivers an error when a listener stops serving on its own.
func (s *Server) Failed() <-chan error { return s.failed }

// Addrs returns the bound addresses in the order of Config.Listeners, after
// Start.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]net.Addr, 0, len(s.listeners))
	for _, l := range s.listeners {
		if l.socket != nil {
			addrs = append(addrs, l.socket.Addr())
		}
	}
	return addrs
}

// Start binds every listener and serves in the background. When one cannot
// be bound none stays open. The values of ctx reach the requests; its end
// does not: Stop drains.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return errors.New("web: already started")
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	for _, l := range s.listeners {
		if err := s.bind(ctx, base, l); err != nil {
			for _, open := range s.listeners {
				if open.socket != nil {
					_ = open.socket.Close()
					open.socket = nil
				}
			}
			cancel()
			return fmt.Errorf("web: listen on %s: %w", l.config.Address, err)
		}
	}
	s.started, s.cancel = true, cancel
	for _, l := range s.listeners {
		s.serving.Go(func() {
			if err := l.http.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("web: serve %s: %w", l.config.Address, err)
			}
		})
	}
	return nil
}

// Stop closes the listeners, lets requests in flight finish within the drain
// timeout, then cancels what is left. It blocks until all goroutines of the
// server have ended and may be called more than once.
func (s *Server) Stop() {
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if !started {
		return
	}
	s.stop.Do(func() {
		drain, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
		defer cancel()
		var all sync.WaitGroup
		for _, l := range s.listeners {
			all.Go(func() {
				if err := l.http.Shutdown(drain); err != nil {
					s.log.Warn("requests cut off at shutdown", slog.String("address", l.config.Address))
					s.cancel()
					_ = l.http.Close()
				}
			})
		}
		all.Wait()
		s.cancel()
	})
	s.serving.Wait()
}

// bind opens l's socket and prepares its server.
func (s *Server) bind(ctx, base context.Context, l *listener) error {
	tlsConfig, err := l.config.TLS.load()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", l.config.Address)
	if err != nil {
		return err
	}
	l.http = &http.Server{
		Handler:           l.handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: s.config.HeaderTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    s.config.MaxHeaderBytes,
		// ReadTimeout and WriteTimeout would cut off long uploads and
		// downloads that make progress; type body and type tracker bound
		// each single read and write instead.
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return base },
	}
	l.socket = socket
	if tlsConfig != nil {
		l.socket = tls.NewListener(socket, tlsConfig)
	}
	return nil
}

// load reads the files; nil without a certificate.
func (t TLS) load() (*tls.Config, error) {
	if t.CertFile == "" {
		return nil, nil //nolint:nilnil // no certificate means plain HTTP
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12, // RFC 9325 §3.1.1
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if t.ClientCAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("read client ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client ca %s holds no PEM certificate", t.ClientCAFile)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
