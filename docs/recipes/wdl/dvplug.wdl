version 1.0

# Call each sample, and genotype them together:
#
#   miniwdl run dvplug.wdl --input inputs.json
#
# Each attempt of a task has a folder of its own, and copies of its inputs: a call that was killed begins anew.

struct Sample {
  String name
  String tech
  File reads
  File index
}

workflow dvplug {
  input {
    Array[Sample]+ samples
    File fasta
    File fai
    File? pedigree
    String image = "localhost/dvplug:latest"
  }

  scatter (sample in samples) {
    call call_sample {
      input:
        name = sample.name,
        tech = sample.tech,
        reads = sample.reads,
        index = sample.index,
        fasta = fasta,
        fai = fai,
        image = image
    }
  }

  call joint {
    input:
      gvcfs = call_sample.gvcf,
      indexes = call_sample.gvcf_index,
      fasta = fasta,
      fai = fai,
      pedigree = pedigree,
      image = image
  }

  output {
    Array[File] vcfs = call_sample.vcf
    Array[File] gvcfs = call_sample.gvcf
    Array[File] reports = call_sample.report
    File cohort = joint.vcf
    File cohort_index = joint.vcf_index
  }
}

task call_sample {
  input {
    String name
    String tech = "auto"
    File reads
    File index
    File fasta
    File fai
    String options = ""
    Int cpu = 8
    Int memory_gb = 8
    String image = "localhost/dvplug:latest"
  }

  Int disk_gb = ceil(size(reads, "GB") + size(fasta, "GB")) + 20

  # Where inputs lie, and whether an index lies beside its file, is the engine's choice.
  command <<<
    set -euo pipefail
    mkdir -p inputs
    ln -sf "~{reads}" "~{index}" "~{fasta}" "~{fai}" inputs/
    dvplug call \
      --tech ~{tech} \
      --ref "inputs/~{basename(fasta)}" \
      --reads "inputs/~{basename(reads)}" \
      --out "~{name}.vcf.gz" \
      --gvcf "~{name}.g.vcf.gz" \
      --report "~{name}.html" \
      --workers ~{cpu} \
      --max-memory ~{memory_gb}G \
      --resume ~{options}
  >>>

  output {
    File vcf = "~{name}.vcf.gz"
    File vcf_index = "~{name}.vcf.gz.tbi"
    File gvcf = "~{name}.g.vcf.gz"
    File gvcf_index = "~{name}.g.vcf.gz.tbi"
    File report = "~{name}.html"
  }

  runtime {
    docker: image
    cpu: cpu
    memory: "~{memory_gb} GB"
    disks: "local-disk ~{disk_gb} SSD"
    preemptible: 2
    maxRetries: 1
  }
}

task joint {
  input {
    Array[File]+ gvcfs
    Array[File]+ indexes
    File fasta
    File fai
    File? pedigree
    Int cpu = 8
    Int memory_gb = 8
    String image = "localhost/dvplug:latest"
  }

  Int disk_gb = ceil(size(gvcfs, "GB") * 2 + size(fasta, "GB")) + 20

  command <<<
    set -euo pipefail
    mkdir -p inputs
    ln -sf "~{fasta}" "~{fai}" inputs/
    while read -r file; do ln -sf "$file" inputs/; done < ~{write_lines(gvcfs)}
    while read -r file; do ln -sf "$file" inputs/; done < ~{write_lines(indexes)}
    dvplug joint \
      inputs/*.g.vcf.gz \
      --ref "inputs/~{basename(fasta)}" \
      --out cohort.vcf.gz \
      --workers ~{cpu} ~{"--pedigree " + pedigree}
  >>>

  output {
    File vcf = "cohort.vcf.gz"
    File vcf_index = "cohort.vcf.gz.tbi"
  }

  runtime {
    docker: image
    cpu: cpu
    memory: "~{memory_gb} GB"
    disks: "local-disk ~{disk_gb} SSD"
    preemptible: 2
    maxRetries: 1
  }
}
