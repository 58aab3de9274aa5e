// Call each sample of a sheet, and genotype them together:
//
//   nextflow run main.nf -profile podman --sheet samples.tsv --fasta genome.fa --outdir out -resume
//
// The sheet has the columns sample, reads (BAM or CRAM), index and tech (or auto), by tabs.
nextflow.enable.dsl = 2

include { DVPLUG_CALL  } from './modules/dvplug/call/main'
include { DVPLUG_JOINT } from './modules/dvplug/joint/main'

workflow {
    samples = Channel
        .fromPath(params.sheet)
        .splitCsv(header: true, sep: '\t')
        .map { row -> [[id: row.sample, tech: row.tech], file(row.reads), file(row.index)] }
    reference = Channel.value([[id: 'reference'], file(params.fasta), file("${params.fasta}.fai"), []])

    DVPLUG_CALL(samples, reference)
    cohort = DVPLUG_CALL.out.gvcf
        .map { meta, gvcf, index -> ['cohort', gvcf, index] }
        .groupTuple()
        .map { id, gvcfs, indexes -> [[id: id], gvcfs, indexes] }
    DVPLUG_JOINT(cohort, reference, [])
}
