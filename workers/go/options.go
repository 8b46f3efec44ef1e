package capstan

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"capstan/internal/session"
)

// Options say who a worker is and what it takes.  The zero value of each field means
// its default.
type Options struct {
	// URL of the engine's door for workers: tcp://HOST:PORT.  Default: the environment's
	// CAPSTAN_WORKER_URL, else the host of CAPSTAN_URL, else 127.0.0.1, and port 5170.
	URL string
	// Key is an API key: cap_….  Default: the environment's CAPSTAN_API_KEY, else, for
	// an engine on this machine, its development key.
	Key string
	// ServerKey is the engine's public key if it asks for CURVE: 40 characters, those of
	// curve.public in its data folder.  Default: the environment's CAPSTAN_SERVER_KEY.
	ServerKey string

	// Instance says which process this is, unique in the project.  Default: the
	// platform's name for it (Cloud Run, Kubernetes, Fly, Railway, Render), else the
	// host's name and eight characters of chance.
	Instance string
	// Name and Version of the program, for people.  Default of Name: the environment's
	// III_WORKER_NAME.
	Name, Version string

	// Queues to take jobs from.  Default: "default".  A star at the end, as in
	// "media.*", stands for the rest of a name.
	Queues []string
	// Labels are what the worker has, for jobs that ask for it.
	Labels []string
	// Environment that the worker runs in.
	Environment string

	// Concurrency is how many jobs are done at once, up to 4096.  Default: 1.
	Concurrency int
	// Heartbeat is the longest time between two; by default the engine says.
	Heartbeat time.Duration
	// Drain is how long stopping waits for jobs; negative: not at all.  Default: the
	// environment's CAPSTAN_DRAIN_MS, else 10 s.
	Drain time.Duration

	// Logger gets a line for what happens to the connection.  Default: slog.Default().
	Logger *slog.Logger
}

const (
	concurrencyMax = 4096 // no engine lets one session hold more
	namesMax       = 256
	keyMax         = 255
	drainDefault   = 10 * time.Second
	drainMaxMS     = 86400000 // that the environment may say
	portDefault    = "5170"
)

// complete fills in the defaults, and tells what makes no sense.
func (o *Options) complete() error {
	o.URL = first(o.URL, os.Getenv("CAPSTAN_WORKER_URL"), engineURL(os.Getenv("CAPSTAN_URL")))
	o.Key = first(o.Key, os.Getenv("CAPSTAN_API_KEY"))
	o.ServerKey = first(o.ServerKey, os.Getenv("CAPSTAN_SERVER_KEY"))
	o.Instance = first(o.Instance, instance())
	o.Name = first(o.Name, os.Getenv("III_WORKER_NAME"))
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := o.drain(); err != nil {
		return err
	}
	return o.check()
}

// drain finds how long to wait: the engine tells those that it starts when it will kill
// them.
func (o *Options) drain() error {
	said := os.Getenv("CAPSTAN_DRAIN_MS")
	if o.Drain != 0 {
		return nil
	}
	o.Drain = drainDefault
	if said == "" {
		return nil
	}
	ms, err := strconv.ParseUint(said, 10, 32)
	if err != nil || ms > drainMaxMS {
		return fmt.Errorf("capstan: CAPSTAN_DRAIN_MS: '%s' is no number of ms up to %d", said, drainMaxMS)
	}
	o.Drain = time.Duration(ms) * time.Millisecond
	return nil
}

func (o *Options) check() error {
	if o.Concurrency < 0 || o.Concurrency > concurrencyMax {
		return fmt.Errorf("capstan: Concurrency: %d is not from 1 to %d", o.Concurrency, concurrencyMax)
	}
	if o.ServerKey != "" && len(o.ServerKey) != 40 {
		return fmt.Errorf("capstan: ServerKey: a key of CURVE has 40 characters")
	}
	if len(o.Key) > keyMax {
		return fmt.Errorf("capstan: Key: it is longer than %d bytes", keyMax)
	}
	for _, one := range []struct{ what, name string }{{"Instance", o.Instance},
		{"Name", o.Name}, {"Version", o.Version}, {"Environment", o.Environment}} {
		if one.name != "" {
			if err := checkName(one.what, one.name); err != nil {
				return err
			}
		}
	}
	if err := checkNames("Queues", o.Queues); err != nil {
		return err
	}
	return checkNames("Labels", o.Labels)
}

func checkNames(what string, names []string) error {
	if len(names) > namesMax {
		return fmt.Errorf("capstan: %s: %d names are more than %d", what, len(names), namesMax)
	}
	for _, name := range names {
		if err := checkName(what, name); err != nil {
			return err
		}
	}
	return nil
}

func checkName(what, name string) error {
	if len(name) == 0 || len(name) > session.NameMax {
		return fmt.Errorf("capstan: %s: a name has 1 to %d bytes, not %d", what,
			session.NameMax, len(name))
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("capstan: %s: %q holds a control character or is not UTF-8", what, name)
	}
	return nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// engineURL is the door for workers of the engine whose http address is given.
func engineURL(address string) string {
	host := "127.0.0.1"
	if address != "" {
		host = hostOf(address)
	}
	return "tcp://" + host + ":" + portDefault
}

// hostOf returns the host of a URL, brackets included.
func hostOf(address string) string {
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(parsed.Host, ":"+parsed.Port())
}

// key to register with, or "" if there is none: the file is made when the engine begins.
func (o *Options) key() string {
	host := hostOf(o.URL)
	local := strings.HasPrefix(o.URL, "ipc://") || strings.HasPrefix(host, "127.") ||
		host == "localhost" || host == "[::1]"
	if o.Key != "" || !local {
		return o.Key
	}
	folder := os.Getenv("CAPSTAN_DATA")
	if share := os.Getenv("XDG_DATA_HOME"); folder == "" && share != "" {
		folder = filepath.Join(share, "capstan")
	} else if folder == "" {
		folder = filepath.Join(os.Getenv("HOME"), ".local/share/capstan")
	}
	text, err := os.ReadFile(filepath.Join(folder, "dev.key"))
	if err != nil {
		return "" // the engine says what is wrong with that
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// instance says who this process is when nobody else does.
func instance() string {
	host, _ := os.Hostname()
	platform := ""
	// A pod's host name is the pod's; elsewhere two workers may share one.
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		platform = os.Getenv("HOSTNAME")
	}
	platform = first(platform, os.Getenv("FLY_MACHINE_ID"),
		os.Getenv("RAILWAY_REPLICA_ID"), os.Getenv("RENDER_INSTANCE_ID"))
	// A revision of Cloud Run has many instances; they all have the same host name.
	if revision := os.Getenv("K_REVISION"); revision != "" {
		host, platform = revision, ""
	}
	if platform != "" {
		return session.Cut(platform, session.NameMax)
	}
	if host == "" {
		return chance(26)
	}
	return session.Cut(host, session.NameMax-9) + "-" + chance(8)
}

// chance returns characters that nobody can guess.
func chance(count int) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	random := make([]byte, count)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	for i := range random {
		random[i] = alphabet[random[i]&31]
	}
	return string(random)
}
