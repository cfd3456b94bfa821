#!/bin/sh
# Runs a command beside a SLURM of one node, which has a folder, a network and a mount namespace of its own:
#     unshare --net --mount sh cluster.sh FOLDER COMMAND...
# It needs root, munged, slurmctld and slurmd. Nothing outside of FOLDER is written. SLURM does not work on the loopback network,
# so the namespace gets a pair of virtual interfaces. Snakemake's jobs look for the configuration only in /etc/slurm, so FOLDER/etc
# is mounted there.
set -eu
folder=$1
shift
mkdir -p "$folder/state" "$folder/spool" "$folder/etc"
node=$(hostname -s)

ip link set lo up
ip link add slurm0 type veth peer name slurm1
ip addr add 10.77.0.1/24 dev slurm0
ip link set slurm0 up
ip link set slurm1 up

head -c 1024 /dev/urandom > "$folder/munge.key"
chmod 700 "$folder"
chmod 400 "$folder/munge.key"
munged --foreground --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" > "$folder/munged.out" 2>&1 &
daemons=$!

mount --bind "$folder/etc" /etc/slurm
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$node(10.77.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
KillWait=5
MinJobAge=86400
NodeName=$node NodeAddr=10.77.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=$node Default=YES MaxTime=60 State=UP
CONF

stop() {
    scancel --user=root 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do   # a slurmd does not end while it has jobs
        [ -n "$(squeue --noheader 2>/dev/null)" ] || break
        sleep 1
    done
    kill $daemons 2>/dev/null || true
    sleep 1
    kill -9 $daemons 2>/dev/null || true
}
trap stop EXIT
trap 'exit 143' INT TERM

slurmctld -D > /dev/null 2>&1 &
daemons="$daemons $!"
slurmd -D > /dev/null 2>&1 &
daemons="$daemons $!"
tries=0
until [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { tail "$folder"/*.log >&2; echo "cluster.sh: SLURM did not come up" >&2; exit 1; }
    sleep 1
done
"$@"
