package config

import "time"

// Config is every setting. The zero value is not usable: the parser fills in the
// defaults, and Complete checks the result.
//
// Beside the parser's own tags, `reload` marks what a running process takes over
// when it is told to read its configuration again, and `secret` says what may hide
// a password: dsn, url, or all of the value.
type Config struct {
	File string `name:"config" env:"STOCKHOLD_CONFIG" group:"file" placeholder:"FILE" help:"A YAML file of settings: a flag's name without the dashes is a key. Flags and variables go before it."`

	Stores   Stores   `embed:"" group:"stores"`
	Server   Server   `embed:"" group:"server"`
	Security Security `embed:"" group:"security"`
	Sweeper  Sweeper  `embed:"" group:"sweeper"`
	Ledger   Ledger   `embed:"" group:"ledger"`
	Limits   Limits   `embed:"" group:"limits"`
	Log      Log      `embed:"" group:"log"`
	Client   Client   `embed:"" group:"client"`
}

// Stores say where the truth is kept (the ledger) and what stands in front of it
// (the gate). Without a MySQL DSN both are embedded in the process.
type Stores struct {
	Data             string        `env:"STOCKHOLD_DATA" default:"./stockhold-data" help:"Folder of the embedded ledger, a SQLite file. Made when it is not there. Not used with MySQL."`
	MySQLDSN         string        `name:"mysql-dsn" env:"STOCKHOLD_MYSQL_DSN" secret:"dsn" placeholder:"DSN" help:"The ledger: user:password@tcp(host:3306)/database, for MySQL 8 or MariaDB 10.6 and later. Empty: the embedded ledger."`
	MySQLDSNFile     string        `name:"mysql-dsn-file" env:"STOCKHOLD_MYSQL_DSN_FILE" placeholder:"FILE" help:"File that holds the MySQL DSN, instead of the DSN itself."`
	MySQLWait        time.Duration `name:"mysql-wait" env:"STOCKHOLD_MYSQL_WAIT" default:"30s" help:"How long a start waits for a MySQL that does not answer."`
	MySQLConnections int           `name:"mysql-connections" env:"STOCKHOLD_MYSQL_CONNECTIONS" default:"16" help:"Most connections to MySQL at once."`
	RedisURL         string        `name:"redis-url" env:"STOCKHOLD_REDIS_URL" secret:"url" placeholder:"URL" help:"The gate: redis://user:password@host:6379/0, rediss:// with TLS or unix://. Sentinel: redis://host:26379/0?master_name=NAME&addr=HOST2:26379. Cluster: redis://host:6379?addr=HOST2:6379. Needs MySQL. Empty: a gate inside the process."`
	RedisURLFile     string        `name:"redis-url-file" env:"STOCKHOLD_REDIS_URL_FILE" placeholder:"FILE" help:"File that holds the Redis URL, instead of the URL itself."`
	RedisPrefix      string        `name:"redis-prefix" env:"STOCKHOLD_REDIS_PREFIX" default:"stockhold" help:"Starts every key in Redis. Two installations on one Redis need two prefixes."`
	GateTimeout      time.Duration `env:"STOCKHOLD_GATE_TIMEOUT" default:"0s" help:"Longest wait for one round trip to the gate, before the ledger decides alone. A Try may wait twice as long: for the round trip that is under way, and for its own. 0s: 250ms for Redis, 5s for the embedded gate."`
}

// Server is how calls come in and how long they may take.
type Server struct {
	Migrate      bool          `env:"STOCKHOLD_MIGRATE" negatable:"" help:"Let serve bring the schema of MySQL up to date before it starts. The embedded ledger always is."`
	Listen       string        `env:"STOCKHOLD_LISTEN" default:"127.0.0.1:8080" help:"Address for calls, health and metrics: HTTP/1 and HTTP/2 on one port. Port 0 takes a free one. An address that other machines reach needs TLS and an access policy, or --insecure."`
	CallTimeout  time.Duration `env:"STOCKHOLD_CALL_TIMEOUT" default:"10s" help:"The longest a call may take, whatever its own deadline."`
	MaxCalls     int           `env:"STOCKHOLD_MAX_CALLS" default:"1024" help:"Most calls under way at once. Those beyond are refused as OVERLOADED, unread."`
	BodyLimit    Bytes         `env:"STOCKHOLD_BODY_LIMIT" default:"1MiB" help:"Largest request body, after decompression."`
	DrainDelay   time.Duration `env:"STOCKHOLD_DRAIN_DELAY" default:"0s" help:"After SIGTERM, how long calls are still accepted while /readyz already fails, for load balancers to notice."`
	DrainTimeout time.Duration `env:"STOCKHOLD_DRAIN_TIMEOUT" default:"20s" help:"After that, how long calls under way may take to be answered."`
}

// Sweeper is what happens to holds that nobody confirmed or canceled in time, and
// to what ended long ago.
type Sweeper struct {
	Enabled          bool          `name:"sweep" env:"STOCKHOLD_SWEEP" default:"true" negatable:"" help:"Let serve sweep. Without it, something else must run stockhold sweep."`
	Deciders         Deciders      `env:"STOCKHOLD_DECIDERS" reload:"" secret:"url" placeholder:"OWNER=URL,..." help:"Whom to ask about each owner's holds: the base URL of a service that implements stockhold.v1.DecisionService. Holds of these owners are ASK unless their Try says otherwise."`
	DeciderTimeout   time.Duration `env:"STOCKHOLD_DECIDER_TIMEOUT" reload:"" default:"5s" help:"Longest that one request to a decider may take."`
	DeciderQuestions int           `env:"STOCKHOLD_DECIDER_QUESTIONS" reload:"" default:"100" help:"Most holds that one request asks about."`
	DeciderParallel  int           `env:"STOCKHOLD_DECIDER_PARALLEL" reload:"" default:"8" help:"Most owners that are asked at once."`
	Listen           string        `name:"sweep-listen" env:"STOCKHOLD_SWEEP_LISTEN" placeholder:"HOST:PORT" help:"Where stockhold sweep answers /healthz, /readyz and /metrics while it runs on. Empty: nowhere. serve does so on its own address."`
	Interval         time.Duration `name:"sweep-interval" env:"STOCKHOLD_SWEEP_INTERVAL" reload:"" default:"1s" help:"Between two passes while nothing is due."`
	Lease            time.Duration `name:"sweep-lease" env:"STOCKHOLD_SWEEP_LEASE" reload:"" default:"30s" help:"How long a hold is left to the sweeper that asks about it, before another may."`
	Backoff          time.Duration `name:"sweep-backoff" env:"STOCKHOLD_SWEEP_BACKOFF" reload:"" default:"5s" help:"Before the second question about a hold that nobody decided about. Doubles with each."`
	Slowest          time.Duration `name:"sweep-slowest" env:"STOCKHOLD_SWEEP_SLOWEST" reload:"" default:"10m" help:"Where the doubling ends, and how often a parked hold is asked about."`
	ParkAfter        int           `name:"sweep-park-after" env:"STOCKHOLD_SWEEP_PARK_AFTER" reload:"" default:"10" help:"Questions without a decision after which a hold is parked: shown to an operator, and still asked about."`
	ReapGrace        time.Duration `name:"sweep-reap-grace" env:"STOCKHOLD_SWEEP_REAP_GRACE" reload:"" default:"30s" help:"How long a hold may be pending in the gate before it is settled. Longer than any call takes."`
	KeepEnded        time.Duration `name:"keep-ended" env:"STOCKHOLD_KEEP_ENDED" reload:"" default:"720h" help:"How long reservations are kept after they ended. Confirmed ones are kept for ever."`
	KeepTombstones   time.Duration `name:"keep-tombstones" env:"STOCKHOLD_KEEP_TOMBSTONES" reload:"" default:"24h" help:"How long a Cancel that came before its Try is remembered."`
	KeepAdjustments  time.Duration `name:"keep-adjustments" env:"STOCKHOLD_KEEP_ADJUSTMENTS" reload:"" default:"720h" help:"How long the ids of stock adjustments are remembered."`
}

// Ledger sizes the group commit.
type Ledger struct {
	Committers   int           `name:"ledger-committers" env:"STOCKHOLD_LEDGER_COMMITTERS" default:"2" help:"Transactions in flight at once. The embedded ledger has one writer and always uses 1."`
	BatchLines   int           `name:"ledger-batch-lines" env:"STOCKHOLD_LEDGER_BATCH_LINES" default:"4096" help:"Most lines in one transaction."`
	QueueLines   int           `name:"ledger-queue-lines" env:"STOCKHOLD_LEDGER_QUEUE_LINES" default:"65536" help:"Most lines that wait for a transaction. Calls beyond it are refused as OVERLOADED."`
	QueueWait    time.Duration `name:"ledger-queue-wait" env:"STOCKHOLD_LEDGER_QUEUE_WAIT" default:"1s" help:"The longest that a call may have to wait for its transaction, as far as can be told when it comes. Calls beyond it are refused as OVERLOADED."`
	BatchTimeout time.Duration `name:"ledger-batch-timeout" env:"STOCKHOLD_LEDGER_BATCH_TIMEOUT" default:"5s" help:"Longest that one transaction may take, from BEGIN to the reply to COMMIT."`
}

// Limits are what a well-formed call may ask.
type Limits struct {
	IDLength   int           `name:"limit-id-length" env:"STOCKHOLD_LIMIT_ID_LENGTH" reload:"" default:"64" help:"Longest id, owner or location, in bytes."`
	SKULength  int           `name:"limit-sku-length" env:"STOCKHOLD_LIMIT_SKU_LENGTH" reload:"" default:"64" help:"Longest sku, in bytes."`
	TextLength int           `name:"limit-text-length" env:"STOCKHOLD_LIMIT_TEXT_LENGTH" reload:"" default:"255" help:"Longest reference or reason, in characters."`
	Lines      int           `name:"limit-lines" env:"STOCKHOLD_LIMIT_LINES" reload:"" default:"2000" help:"Most lines of a reservation, after merging lines of the same sku and location."`
	Quantity   int64         `name:"limit-quantity" env:"STOCKHOLD_LIMIT_QUANTITY" reload:"" default:"1000000000" help:"Most units of one line."`
	OnHand     int64         `name:"limit-on-hand" env:"STOCKHOLD_LIMIT_ON_HAND" reload:"" default:"1000000000000" help:"Most units of one stock row."`
	MinTTL     time.Duration `name:"limit-min-ttl" env:"STOCKHOLD_LIMIT_MIN_TTL" reload:"" default:"1s" help:"Shortest time that a caller may ask to hold for."`
	MaxTTL     time.Duration `name:"limit-max-ttl" env:"STOCKHOLD_LIMIT_MAX_TTL" reload:"" default:"720h" help:"Longest time that a caller may ask to hold for."`
	DefaultTTL time.Duration `name:"default-ttl" env:"STOCKHOLD_DEFAULT_TTL" reload:"" default:"15m" help:"How long a Try holds that does not say."`
	Batch      int           `name:"limit-batch" env:"STOCKHOLD_LIMIT_BATCH" reload:"" default:"1000" help:"Most items of a batch call."`
	PageSize   int           `name:"limit-page-size" env:"STOCKHOLD_LIMIT_PAGE_SIZE" reload:"" default:"500" help:"Most items of one page of a listing."`
}

// Log is what the program writes to standard error.
type Log struct {
	Level   string `name:"log-level" env:"STOCKHOLD_LOG_LEVEL" reload:"" default:"info" enum:"debug,info,warn,error" help:"Least level that is written: debug, info, warn or error."`
	Format  string `name:"log-format" env:"STOCKHOLD_LOG_FORMAT" default:"text" enum:"text,json" help:"text or json. json also leaves out the lines for people that serve prints at its start."`
	Changes bool   `name:"log-changes" env:"STOCKHOLD_LOG_CHANGES" reload:"" default:"true" negatable:"" help:"Write a line, at level info, for each change of a reservation's state: owner, id, from, to, by whom."`
}

// Embedded reports whether the ledger is the one inside the process.
func (s Stores) Embedded() bool { return s.MySQLDSN == "" }
